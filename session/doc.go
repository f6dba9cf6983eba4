// Package session keeps one media session attached. The application brings a
// Transport, which can open a link to its server; the session decides when to
// open one, when a link is lost, whether to try again, when to give up, and
// tells observers.
//
// A session goes from idle over connecting to connected, from there to
// reconnecting and back as often as it must, and ends in stopped, which is
// final. It holds no goroutine while it is connected and nothing happens.
//
// # Recovering
//
// An outage is recovered the cheapest way that its links can do and that works: by
// restarting media (MediaRestarter), by resuming the session over new signaling
// (Resumer), or by a rejoin, which opens a new link. A level that fails gives way to
// the next one, at once unless the server is in trouble. Config says what an attempt may need besides: Endpoints,
// Credentials, a Limiter, and a Resync hook that runs before the session counts as
// connected again. Session.Hint tells it what happens to the network.
//
// # Recording
//
// Config.Recorder writes down all that a session learns and decides by, as it happens
// (NewRecorder) or in a ring that is written when something has gone wrong (NewRing).
// Replay decides it again, with nothing but that, and tells the same events, or where
// it comes to something else.
//
// All methods of Session may be called from any goroutine, and from inside any
// observer.
package session
