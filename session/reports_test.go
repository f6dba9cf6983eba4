package session_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// heard is where reports go instead of a session.
type heard []string

func (h *heard) note(what string, args ...any) {
	*h = append(*h, fmt.Sprint(append([]any{what + " "}, args...)...))
}

func (h *heard) Status(st status.Status)         { h.note("Status", st) }
func (h *heard) Closed(l status.Layer, e error)  { h.note("Closed", l, e) }
func (h *heard) Present()                        { h.note("Present") }
func (h *heard) Pong(id uint64)                  { h.note("Pong", id) }
func (h *heard) Probed(id uint64)                { h.note("Probed", id) }
func (h *heard) Expect(e health.Expectation)     { h.note("Expect", e) }
func (h *heard) Doubt(l status.Layer, why error) { h.note("Doubt", l, why) }
func (h *heard) Sample(s health.Sample)          { h.note("Sample", s.BytesReceived) }
func (h *heard) Alive(l status.Layer)            { h.note("Alive", l) }

// TestReporterElsewhere: what is reported comes out as it went in, through a
// Reporter that passes on to a Reporter, too.
func TestReporterElsewhere(t *testing.T) {
	var all heard
	tell(session.NewReporter(session.NewReporter(&all)))
	assert.Equal(t, heard{
		"Status " + status.New(status.MeetingEnded, nil).Error(),
		"Closed " + status.LayerSignaling.String() + " boom", "Present ", "Pong 7", "Probed 8",
		"Expect " + health.ExpectMedia.String(), "Doubt " + status.LayerMedia.String() + " boom", "Sample 9",
		"Alive " + status.LayerMedia.String(),
	}, all)
}

// TestReporterNowhere: without a place to go to, reports are dropped.
func TestReporterNowhere(*testing.T) {
	for _, r := range []*session.Reporter{nil, {}, session.NewReporter(nil)} {
		tell(r)
	}
}

func tell(r session.Reports) {
	boom := errors.New("boom")
	r.Status(status.New(status.MeetingEnded, nil))
	r.Closed(status.LayerSignaling, boom)
	r.Present()
	r.Pong(7)
	r.Probed(8)
	r.Expect(health.ExpectMedia)
	r.Doubt(status.LayerMedia, boom)
	r.Sample(health.Sample{BytesReceived: 9})
	r.Alive(status.LayerMedia)
}
