package sessiontest

import (
	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// Report reports a status on behalf of an epoch, be it the one that is
// connected, an attempt that is running, or a link that is long gone. A
// status.Status and a status.Code are reported as they are, of other errors
// what policy.StatusOf makes of them. Like all reports it panics if Connect was
// not called with that epoch yet; wait with WaitAttempts, or for the event
// Connected.
func (t *Transport) Report(epoch uint64, what error) {
	t.reporter(epoch).Status(statusOf(what))
}

// Closed reports that a layer is gone on behalf of an epoch, as
// Reporter.Closed does.
func (t *Transport) Closed(epoch uint64, layer status.Layer, err error) {
	t.reporter(epoch).Closed(layer, err)
}

// Sample reports a health sample on behalf of an epoch.
func (t *Transport) Sample(epoch uint64, s health.Sample) { t.reporter(epoch).Sample(s) }

// Pong reports the answer to a ping on behalf of an epoch; the ids are in Call.
func (t *Transport) Pong(epoch, id uint64) { t.reporter(epoch).Pong(id) }

// Present reports on behalf of an epoch that the attendee is on the roster.
func (t *Transport) Present(epoch uint64) { t.reporter(epoch).Present() }

// Alive reports inbound bytes of a layer on behalf of an epoch, unless Silence
// keeps them away.
func (t *Transport) Alive(epoch uint64, layer status.Layer) {
	if r, silent := t.receives(epoch, layersOf(layer)); !silent {
		r.Alive(layer)
	}
}

// receives finds an epoch's reporter, and whether layers of its link are silent.
func (t *Transport) receives(epoch uint64, layers health.Layers) (r *session.Reporter, silent bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.life(epoch)
	return l.reporter, l.silent&layers != 0
}

// Probed reports the answer to a media probe on behalf of an epoch; the ids are
// in Call.
func (t *Transport) Probed(epoch, id uint64) { t.reporter(epoch).Probed(id) }

// Expect declares on behalf of an epoch what should come in.
func (t *Transport) Expect(epoch uint64, e health.Expectation) { t.reporter(epoch).Expect(e) }

// Doubt reports bad evidence about a layer on behalf of an epoch.
func (t *Transport) Doubt(epoch uint64, layer status.Layer, why error) {
	t.reporter(epoch).Doubt(layer, why)
}

func (t *Transport) reporter(epoch uint64) *session.Reporter {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.life(epoch).reporter
}

// statusOf is policy.StatusOf, except that an OK stays what it is: nothing can
// fail with it, but it may be reported.
func statusOf(err error) status.Status {
	switch err := err.(type) { //nolint:errorlint // wrapped they are for policy.StatusOf
	case status.Status:
		return err
	case status.Code:
		return status.New(err, nil)
	}
	return policy.StatusOf(err)
}
