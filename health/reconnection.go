package health

import (
	"fmt"
	"strings"
	"time"
)

// Reconnection judges whether a connection is so bad that only a reconnect can
// help: nothing arrives any more, pings stay unanswered, or audio is played far
// too late. The zero value is switched off: it finds everything healthy. Each
// one has thresholds of its own (divergence 7.11), and it is meant to live as
// long as the session, across reconnects.
type Reconnection struct {
	limits  ReconnectionConfig // literal: 0 means 0, negative is off
	on      bool
	delays  streak // evaluations, outside the wait, with too long a delay
	delayed bool   // the last evaluation found one too many of them
	excused Layers // whose silence is left to somebody else
	health  verdict
}

// NewReconnection gives the policy with the thresholds of c, zero fields
// standing for the defaults.
func NewReconnection(c ReconnectionConfig) Reconnection {
	return Reconnection{limits: c.withDefaults(), on: true}
}

// Evaluate judges d and says whether the verdict differs from the last one; act
// only then. It counts: call it exactly once per sample.
//
// By the reference a connection is healthy within Wait of its start. After that
// it is unhealthy with NoPackets reports or MissedPongs pings, each at least, or
// when more than SpeakerDelayEvaluations evaluations in a row have found the
// speaker delay above SpeakerDelay; their count then begins again. The wait
// neither counts them nor clears their count.
func (p *Reconnection) Evaluate(now time.Duration, d *Data) (healthy, changed bool) {
	if !p.on {
		return true, false
	}
	return p.health.set(p.judge(now, d))
}

func (p *Reconnection) judge(now time.Duration, d *Data) bool {
	p.delayed = false
	if p.waiting(now, d) {
		return true
	}
	p.delayed = p.delays.count(p.delay(d), p.limits.SpeakerDelayEvaluations)
	return !p.delayed && !p.noPackets(d) && !p.noPongs(d)
}

// Dead says whether, outside the wait, missing packets or pongs alone prove the
// connection dead. It counts nothing and leaves the verdict of Evaluate as it
// is, so it may be asked at any time, such as when a pong was missed between
// two samples.
func (p *Reconnection) Dead(now time.Duration, d *Data) bool {
	return p.on && !p.waiting(now, d) && (p.noPackets(d) || p.noPongs(d))
}

// Excuse leaves missing packets, or pongs, to somebody who judges that layer
// better, such as a Detector, until it is called with others.
func (p *Reconnection) Excuse(l Layers) { p.excused = l }

// Reason says in words, with numbers, for a log, which conditions d meets: the
// counts as they stand in d, whether or not the wait is over, and the speaker
// delay if the last Evaluate found it too long once too often. Without any it
// is empty.
func (p *Reconnection) Reason(d *Data) string {
	if !p.on {
		return ""
	}
	var found []string
	if p.noPackets(d) {
		found = append(found, fmt.Sprintf("no inbound packets for %d samples", d.NoPackets))
	}
	if p.noPongs(d) {
		found = append(found, fmt.Sprintf("%d pings in a row without an answer", d.MissedPongs))
	}
	if p.delayed {
		found = append(found, fmt.Sprintf("speaker delay above %v for more than %d samples, now %v ms",
			p.limits.SpeakerDelay, max(p.limits.SpeakerDelayEvaluations, 0), d.SpeakerDelay))
	}
	return strings.Join(found, "; ")
}

func (p *Reconnection) waiting(now time.Duration, d *Data) bool {
	return d.ConnectionStart.within(now, p.limits.Wait)
}

func (p *Reconnection) noPackets(d *Data) bool {
	return !p.excused.Has(Media) && p.limits.NoPackets >= 0 && d.NoPackets >= p.limits.NoPackets
}

func (p *Reconnection) noPongs(d *Data) bool {
	return !p.excused.Has(Signaling) && p.limits.MissedPongs >= 0 && d.MissedPongs >= p.limits.MissedPongs
}

func (p *Reconnection) delay(d *Data) bool {
	return p.limits.SpeakerDelay >= 0 && d.SpeakerDelay > inMilliseconds(p.limits.SpeakerDelay)
}
