package linkhistory

import (
	"fmt"
	"strings"
	"time"
)

// falseVerdict describes a verdict on what is alive.
func (w *world) falseVerdict(v Verdict) FalseVerdict {
	return FalseVerdict{
		Seed: w.record.seed, At: w.now, Mono: w.client.instant().Mono, Verdict: v, Context: w.conditions(),
	}
}

// conditions describes the last seconds.
func (w *world) conditions() string {
	c := &w.client
	parts := []string{
		w.talker.content.String(),
		fmt.Sprintf("declared %v, media heard %v ago, acks missing %d up (backoff %d) %d down (backoff %d)",
			c.declares, rounded(c.instant().Mono-c.agent.heard),
			len(w.ping.segments), w.ping.backoff, len(w.push.segments), w.push.backoff),
		"up " + w.up.conditions(w.now), "down " + w.down.conditions(w.now),
	}
	if p := &c.pause; p.until > 0 {
		parts = append(parts, fmt.Sprintf("paused %v until %v ago (machine %v, drops %v, deadline first %v, lags %v)",
			rounded(p.until-p.from), rounded(w.now-p.until), p.machine, p.drops, p.deadlineFirst, rounded(p.lags)))
	}
	return strings.Join(parts, "; ")
}

func (w *way) conditions(now time.Duration) string {
	s := fmt.Sprintf("%v", rounded(w.delay))
	if w.loss > 0 {
		s += fmt.Sprintf(", loss %g", w.loss)
	}
	if w.jitter > 0 {
		s += fmt.Sprintf(", jitter %v", rounded(w.jitter))
	}
	if added := w.queue.adds(now); added > 0 {
		s += fmt.Sprintf(", queue %v of %v", rounded(added), rounded(w.queue.most))
	}
	return s + w.darkness(now)
}

func (w *way) darkness(now time.Duration) string {
	switch {
	case w.dark > 0:
		return fmt.Sprintf(", dark for %v", rounded(now-w.darkFrom))
	case w.darkUntil > 0:
		return fmt.Sprintf(", dark for %v until %v ago", rounded(w.darkUntil-w.darkFrom), rounded(now-w.darkUntil))
	}
	return ""
}

func rounded(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
