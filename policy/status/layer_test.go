package status

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLayerText(t *testing.T) {
	for layer, name := range map[Layer]string{
		LayerUnknown: "unknown", LayerSignaling: "signaling", LayerMedia: "media", LayerClient: "client",
		Layer(4): "Layer(4)", Layer(-7): "Layer(-7)",
	} {
		text, err := layer.MarshalText()
		require.NoError(t, err)
		assert.Equal(t, name, string(text))
		back := Layer(77)
		require.NoError(t, back.UnmarshalText(text))
		assert.Equal(t, layer, back)
	}
}

func TestLayerUnmarshalText(t *testing.T) {
	var l Layer
	require.NoError(t, l.UnmarshalText([]byte("MEDIA")))
	assert.Equal(t, LayerMedia, l)
	for _, bad := range []string{"", "audio", "2", "Layer(", "Layer(x)", "Layer(1", "(1)"} {
		assert.ErrorContains(t, l.UnmarshalText([]byte(bad)), `"`+bad+`"`)
		assert.Equal(t, LayerMedia, l, "kept after an error")
	}
}
