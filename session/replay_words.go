package session

import (
	"fmt"
	"strings"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// inWords says what an input is, in few words.
func inWords(in *machine.Input) string {
	words := []string{in.Kind.String()}
	add := func(says bool, format string, args ...any) {
		if says {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	add(in.Epoch != 0, "link %d", in.Epoch)
	add(in.ID != 0, "id %d", in.ID)
	add(in.Layer != status.LayerUnknown, "%s", in.Layer)
	add(in.Hint != "", "%.64s", string(in.Hint))
	add(in.Expect != health.ExpectUnknown, "%s", in.Expect)
	add(in.Renegotiate, "renegotiate")
	add(in.ViewOnly, "view-only")
	add(in.Bare, "without a reason")
	add(in.Unsupported, "unsupported")
	add(in.Refused, "refused")
	add(in.Rejected, "credentials rejected")
	if in.Ready != nil {
		add(len(in.Ready.Endpoints) > 0, "%d endpoints", len(in.Ready.Endpoints))
		add(in.Ready.Authorized, "authorized")
	}
	add(!in.Status.IsZero(), "%s", statusInWords(in.Status))
	if in.Sample != nil {
		add(true, "%s", sampleInWords(in.Sample))
	}
	return strings.Join(words, ", ")
}

func statusInWords(st status.Status) string {
	text := st.Code.String()
	if st.Wire != 0 {
		text += fmt.Sprintf(" (wire %d)", st.Wire)
	}
	if st.Permanent {
		text += ", permanent"
	}
	if st.Cause != nil {
		text += ": " + st.Cause.Error()
	}
	return text
}

func sampleInWords(s *health.Sample) string {
	return fmt.Sprintf("received %s, loss %s, sent %s, %d bytes, %d STUN",
		s.AudioPacketsReceived, s.AudioLoss, s.AudioPacketsSent, s.BytesReceived, s.STUNMessages)
}
