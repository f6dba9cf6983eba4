package sessiontest

import (
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/session"
)

// Quick returns a config for tests in real time: the default policy with
// delays of 1 ms at first and 5 ms at most, without jitter, whatever the cause; 5 ms of reason grace; and a second for an attempt and for a close,
// which matters only for what hangs. All else is as in a zero Config. Inside a
// testing/synctest bubble a config of production does as well.
func Quick(t session.Transport, observers ...observer.Observer) session.Config {
	p := policy.Default()
	p.NewBackOff = policy.Reference().NewBackOff
	return session.Config{
		Transport: t, Observers: observers, Policy: &p,
		ConnectTimeout: time.Second, CloseGrace: time.Second, ReasonGrace: 5 * time.Millisecond,
		Random: func() float64 { return 0.001 }, // the share that full jitter takes of a delay
	}
}
