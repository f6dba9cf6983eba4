// Package observer holds what a session tells: the typed events, the interface
// that receives them, and ready-made receivers (callbacks, slog, a bounded
// history for post-mortems).
//
// A session delivers every event to every observer in one order, never two at
// a time to the same observer, and with no lock held, so an observer may call
// any method of the session (G4). A slow observer delays only itself (G5); one
// that panics ends the session with status.RealtimeApiFailed while the others
// still hear Stopped (G6).
//
// The order of a session's life, as an observer hears it:
//
//	Connecting → (AttemptStarted → [AttemptFailed → RetryScheduled →] …) → Connected
//	Reconnecting → (RetryScheduled → AttemptStarted → …) → Connected → Recovered
//	Stopped
//
// Reconnecting is always followed by Connected or Stopped (G12). Stopped comes
// exactly once and is the last event (G2).
package observer
