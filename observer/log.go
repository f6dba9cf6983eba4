package observer

import (
	"context"
	"log/slog"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// Log is an Observer that writes each event to a structured logger: losses and
// failed attempts as warnings, an end that the application did not ask for as
// an error, attempts at debug level, the rest as information. The zero value
// writes to slog.Default. It never logs credentials: events carry none.
type Log struct {
	// Logger is where to write; nil means slog.Default.
	Logger *slog.Logger
}

// Observe writes e.
func (l Log) Observe(e Event) {
	logger := l.Logger
	if logger == nil {
		logger = slog.Default()
	}
	level, message, attrs := record(e)
	if !logger.Enabled(context.Background(), level) {
		return
	}
	logger.LogAttrs(context.Background(), level, message, append(headAttrs(e.Head()), attrs...)...)
}

func headAttrs(h Header) []slog.Attr {
	attrs := make([]slog.Attr, 0, 12)
	if h.Session != "" {
		attrs = append(attrs, slog.String("session", h.Session))
	}
	attrs = append(attrs, slog.Uint64("seq", h.Seq), slog.Uint64("epoch", h.Epoch), slog.String("state", string(h.To)))
	if h.From != h.To {
		attrs = append(attrs, slog.String("from", string(h.From)))
	}
	return attrs
}

// record translates an event into a log record.
func record(e Event) (slog.Level, string, []slog.Attr) {
	switch e := e.(type) {
	case Connecting:
		return slog.LevelInfo, "connecting", nil
	case AttemptStarted:
		return slog.LevelDebug, "attempt started", []slog.Attr{
			slog.Int("attempt", e.Number), slog.String("level", e.Level.String()), slog.Duration("timeout", e.Timeout),
		}
	case AttemptFailed:
		return slog.LevelWarn, "attempt failed", []slog.Attr{
			slog.Int("attempt", e.Number), slog.Any("status", e.Status), slog.Duration("after", e.After),
		}
	case RetryScheduled:
		return slog.LevelInfo, "retry scheduled", retryAttrs(e.Decision)
	case Connected:
		return slog.LevelInfo, "connected", []slog.Attr{
			slog.Int("attempts", e.Attempts), slog.Duration("after", e.After),
		}
	case Reconnecting:
		return slog.LevelWarn, "reconnecting", []slog.Attr{slog.Any("cause", e.Cause)}
	case Recovered:
		return slog.LevelInfo, "recovered", []slog.Attr{
			slog.Duration("after", e.Outage.Duration), slog.Duration("gap", e.Outage.Gap),
			slog.String("level", e.Outage.Level.String()), slog.Int("attempts", e.Outage.Attempts),
			slog.Any("first", e.Outage.First), slog.Any("last", e.Outage.Last),
		}
	case Stopped:
		return stoppedLevel(e), "stopped", []slog.Attr{
			slog.Any("status", e.Status), slog.String("initiator", string(e.Initiator)),
			slog.String("rule", string(e.Decision.Rule)), slog.Int("attempts", e.Attempts),
		}
	}
	return recordChange(e)
}

// recordChange translates the events that are no transition.
func recordChange(e Event) (slog.Level, string, []slog.Attr) {
	switch e := e.(type) {
	case Promoted:
		return slog.LevelInfo, "promoted", nil
	case Demoted:
		return slog.LevelInfo, "demoted", []slog.Attr{slog.Any("status", e.Status), slog.String("initiator", string(e.Initiator))}
	case VideoSendUnavailable:
		return slog.LevelWarn, "sending video unavailable", []slog.Attr{slog.Any("status", e.Status)}
	case Updating:
		return slog.LevelInfo, "updating", []slog.Attr{slog.Bool("renegotiate", e.Renegotiate), slog.Bool("viewOnly", e.ViewOnly)}
	case Updated:
		return slog.LevelInfo, "updated", []slog.Attr{slog.Bool("unsupported", e.Unsupported)}
	case Missed:
		return slog.LevelWarn, "events missed", []slog.Attr{slog.Int("events", e.Events), slog.Int("outages", e.Outages)}
	}
	return recordQuality(e)
}

// recordQuality translates the verdicts of the health policies.
func recordQuality(e Event) (slog.Level, string, []slog.Attr) {
	switch e := e.(type) {
	case ConnectionPoor:
		return slog.LevelWarn, "connection poor", nil
	case VideoStopSuggested:
		return slog.LevelWarn, "connection poor, stopping video may help", nil
	case ConnectionGood:
		return slog.LevelInfo, "connection good", nil
	case SendingAudioFailed:
		return slog.LevelWarn, "sending audio failed", nil
	case SendingAudioRecovered:
		return slog.LevelInfo, "sending audio recovered", nil
	case VideoDegradeSuggested:
		return slog.LevelWarn, "sending less video may help", []slog.Attr{slog.String("reason", string(e.Reason))}
	case VideoDegradeLifted:
		return slog.LevelInfo, "sending less video no longer suggested", []slog.Attr{slog.String("reason", string(e.Reason))}
	case PolicyChanged:
		return verdictLevel(e.Healthy), "health policy changed", policyAttrs(e)
	}
	return recordLiveness(e)
}

// recordLiveness translates what the detector of dead links tells.
func recordLiveness(e Event) (slog.Level, string, []slog.Attr) {
	switch e := e.(type) {
	case LinkSuspected:
		return slog.LevelInfo, "link suspected", append(diagnosisAttrs(e.Diagnosis), doubtAttrs(e.Doubt)...)
	case LinkCleared:
		return slog.LevelInfo, "link cleared", []slog.Attr{slog.Duration("after", e.After), slog.Duration("paused", e.Paused)}
	case LinkDead:
		return slog.LevelWarn, "link dead", diagnosisAttrs(e.Diagnosis)
	case LinkHealed:
		return slog.LevelInfo, "link healed", []slog.Attr{slog.String("layers", e.Layers.String()), slog.Duration("after", e.After)}
	case MediaProven:
		return slog.LevelInfo, "media proven", []slog.Attr{slog.Duration("after", e.After)}
	}
	return recordRecovery(e)
}

// recordRecovery translates what surrounds the attempts.
func recordRecovery(e Event) (slog.Level, string, []slog.Attr) {
	switch e := e.(type) {
	case Hinted:
		return slog.LevelInfo, "network hint", []slog.Attr{slog.String("hint", string(e.Hint)), slog.Bool("expired", e.Expired)}
	case AttemptQueued:
		return slog.LevelInfo, "attempt waits for the limiter", []slog.Attr{slog.String("level", e.Level.String())}
	case EndpointsFound:
		return slog.LevelInfo, "endpoints found", []slog.Attr{slog.Int("count", len(e.Endpoints))}
	case CredentialsRefreshed:
		if !e.Status.IsZero() {
			return slog.LevelWarn, "refreshing credentials failed", []slog.Attr{slog.Any("status", e.Status)}
		}
		return slog.LevelInfo, "credentials refreshed", []slog.Attr{slog.Duration("expireIn", e.ExpireIn)}
	case Resyncing:
		return slog.LevelInfo, "resyncing", []slog.Attr{
			slog.String("level", e.Outage.Level.String()), slog.Duration("gap", e.Outage.Gap),
		}
	}
	return slog.LevelInfo, e.Name(), nil
}

func diagnosisAttrs(d health.Diagnosis) []slog.Attr {
	return []slog.Attr{slog.String("layers", d.Layers.String()), slog.String("why", d.String())}
}

func doubtAttrs(st status.Status) []slog.Attr {
	if st.IsZero() {
		return nil
	}
	return []slog.Attr{slog.Any("doubt", st)}
}

// retryAttrs leaves out limits that there are none of.
func retryAttrs(d policy.Decision) []slog.Attr {
	attrs := []slog.Attr{slog.Duration("delay", d.Delay), slog.Any("status", d.Status)}
	if d.Left.Elapsed != policy.NoLimit {
		attrs = append(attrs, slog.Duration("left", d.Left.Elapsed))
	}
	if d.Left.Attempts != policy.NoLimit {
		attrs = append(attrs, slog.Int("attemptsLeft", d.Left.Attempts))
	}
	return attrs
}

func verdictLevel(healthy bool) slog.Level {
	if healthy {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

func policyAttrs(e PolicyChanged) []slog.Attr {
	attrs := []slog.Attr{slog.String("policy", e.Policy), slog.Bool("healthy", e.Healthy)}
	if e.Reason != "" {
		attrs = append(attrs, slog.String("reason", e.Reason))
	}
	return attrs
}

func stoppedLevel(e Stopped) slog.Level {
	if e.Initiator == ByApplication {
		return slog.LevelInfo
	}
	return slog.LevelError
}
