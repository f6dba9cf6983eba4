package status

import "fmt"

// Layer names the part of a session that a status concerns. The zero value is
// LayerUnknown.
type Layer int

const (
	// LayerUnknown claims nothing.
	LayerUnknown Layer = iota
	// LayerSignaling is the signaling channel and the service behind it.
	LayerSignaling
	// LayerMedia is the media connection and the service behind it.
	LayerMedia
	// LayerClient is this process: the application, its policies, its devices.
	LayerClient
)

var layerNames = []string{"unknown", "signaling", "media", "client"}

// String returns "unknown", "signaling", "media" or "client", otherwise
// "Layer(9)".
func (l Layer) String() string { return enumName("Layer", int(l), layerNames...) }

// MarshalText returns the text of String. It never fails.
func (l Layer) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText accepts what String returns, in any case of letters. Any other
// text is an error that quotes it, and leaves the layer as it was.
func (l *Layer) UnmarshalText(text []byte) error {
	n, ok := parseEnum("Layer", string(text), layerNames)
	if !ok {
		return fmt.Errorf("status: no layer is called %.64q", text)
	}
	*l = Layer(n)
	return nil
}
