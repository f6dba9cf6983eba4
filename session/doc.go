// Package session keeps one media session attached. The application brings a
// Transport, which can open a link to its server; the session decides when to
// open one, when a link is lost, whether to try again, when to give up, and
// tells observers.
//
// A session goes from idle over connecting to connected, from there to
// reconnecting and back as often as it must, and ends in stopped, which is
// final. It holds no goroutine while it is connected and nothing happens.
//
// All methods of Session may be called from any goroutine, and from inside any
// observer.
package session
