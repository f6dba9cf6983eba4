package health

import (
	"fmt"
	"strings"
	"time"
)

// Layers is a set of the two layers of a link. Its text form is stable. The zero
// value is none.
type Layers uint8

// The layers, as bits.
const (
	Media Layers = 1 << iota
	Signaling
	Both = Media | Signaling
)

var layersNames = names{"none", "media", "signaling", "both"}

// Has says whether all layers of o are in l.
func (l Layers) Has(o Layers) bool { return l&o == o }

// String gives the layers in one word; an undefined value shows its number.
func (l Layers) String() string { return layersNames.format("Layers", int(l)) }

// MarshalText gives what String gives and never fails.
func (l Layers) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads the text of a defined value; the error names anything else.
func (l *Layers) UnmarshalText(text []byte) error {
	i, err := layersNames.parse("layers", text)
	if err == nil {
		*l = Layers(i)
	}
	return err
}

// Diagnosis says what a Detector found, and on what grounds. The zero value is
// that nothing is wrong. Times are as of the tick that found it.
type Diagnosis struct {
	// Layers are those under suspicion or dead.
	Layers Layers `json:"layers"`
	// MediaSilence is the time since the last inbound byte on the media path, or
	// since the silence began to count: after a pause of this machine it is
	// counted anew.
	MediaSilence time.Duration `json:"mediaSilence"`
	// Unanswered counts the media probes in a row without an answer, and
	// UnansweredFor is the time since the last answer; 0 on a link that cannot
	// probe media.
	Unanswered    int           `json:"unanswered,omitempty"`
	UnansweredFor time.Duration `json:"unansweredFor,omitempty"`
	// PingAge is the age of the unanswered ping; 0 if none waits.
	PingAge time.Duration `json:"pingAge,omitempty"`
	// RTT is the round trip of the latest ping that was sent since the silence
	// began and was answered; 0 if none was.
	RTT time.Duration `json:"rtt,omitempty"`
	// SignalingUnknown says that the link cannot ping, so that nothing is known
	// about its signaling.
	SignalingUnknown bool `json:"signalingUnknown,omitempty"`
	// Doubt says that the link itself reported bad evidence (Detector.Doubt).
	Doubt bool `json:"doubt,omitempty"`
}

// String says in words, with the numbers, what was found.
func (d Diagnosis) String() string {
	return strings.Join([]string{d.mediaWords(), d.signalingWords()}, "; ")
}

func (d Diagnosis) mediaWords() string {
	answered := d.UnansweredFor < unworthySilence
	probes := ""
	if !answered {
		probes = fmt.Sprintf(" (%d probes unanswered for %s)", d.Unanswered, tenths(d.UnansweredFor))
	}
	switch {
	case d.MediaSilence < unworthySilence && answered:
		return "media flows"
	case d.MediaSilence < unworthySilence:
		return "media comes in, but nothing is answered" + probes
	}
	return fmt.Sprintf("no inbound media for %s", tenths(d.MediaSilence)) + probes
}

func (d Diagnosis) signalingWords() string {
	switch {
	case d.SignalingUnknown:
		return "signaling cannot be asked"
	case d.PingAge > 0:
		return fmt.Sprintf("signaling has not answered for %s", tenths(d.PingAge))
	case d.RTT > 0:
		return "signaling answered in " + roundTrip(d.RTT)
	}
	return "signaling is not asked yet"
}

// unworthySilence is a silence that need not be mentioned.
const unworthySilence = 500 * time.Millisecond

func roundTrip(d time.Duration) string {
	if d < time.Millisecond {
		return "less than 1 ms"
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}

func tenths(d time.Duration) string {
	return fmt.Sprintf("%.1f s", d.Seconds())
}
