// Package sessiontest is for tests of programs that use package session, and
// of session itself. It holds a scripted transport, a recorder of events, and
// checks of the guarantees, so that a test can bring about any failure and say
// in a line what it expects; and a conformance kit, TestTransport, that proves the
// transport of a client:
//
//	tr := sessiontest.Script(sessiontest.Fail(status.AudioServiceUnavailable).Times(2))
//	var rec sessiontest.Recorder
//	s, err := session.New(session.Config{Transport: tr, Observers: []observer.Observer{&rec}})
//	...
//	err = s.Start(t.Context())                             // the third attempt works
//	tr.Report(sessiontest.Newest, status.MeetingEnded)     // the server ends the meeting
//	<-s.Done()
//	rec.Check(t)                                           // the guarantees held
//	tr.Parity(t)                                           // every link was closed, once
//
// # The transport
//
// The zero Transport connects at once, every time. A Script gives it a Step for
// each attempt, in order; Otherwise gives one for all attempts after that.
// What a step does and when are said apart:
//
//	OK()                 succeeds
//	Fail(err)            fails with a status, a code or any other error
//	Nothing()            returns neither a link nor an error
//	Panic(v)  Exit()     leaves the call the hard way
//	Func(f)              runs code of the test
//	Hang(phase)          hangs until the context ends
//	Deaf(phase)          hangs, whatever the context does, until Release
//
//	.After(d)            takes d, or until the context ends
//	.AtCancel()          comes only when the context has ended: OK().AtCancel() opens late
//	.AtRelease()         comes only at Release
//	.In(phase)           names where it happens, in errors and for WaitHanging
//	.Times(n)            serves n attempts
//	.With(link)          says what the opened link can do
//
// A Link says with the same steps what each call on an open link does:
//
//	sessiontest.Link{Ping: sessiontest.Nothing(), Close: sessiontest.Deaf("close")}
//
// From outside, Report, Closed, Sample, Pong, Probed, Present, Alive, Expect and
// Doubt speak for the link of any epoch, those long gone included. Silence makes
// layers of a link a black hole, and lets them come back:
//
//	tr.Silence(sessiontest.Newest, health.Media)   // no answer, no packet
//
// Snapshot and Mark show what was called, opened and closed; the Wait methods wait
// for it.
//
// # The recorder
//
// A Recorder is an observer that keeps everything. Wait reads on from event to
// event, Text writes a log of one line an event that can be compared with an
// expected one, Check holds it against the guarantees. CheckEvents does so with
// events that were collected in another way.
//
// # Testing your own transport
//
// TestTransport holds a session.Transport, and the links that it opens, against all
// that package session expects of them. A test needs a factory for a fresh one:
//
//	func TestMyTransport(t *testing.T) {
//		sessiontest.TestTransport(t, func(tb testing.TB) sessiontest.Fixture {
//			server := startServer(tb) // stops it in tb.Cleanup
//			return sessiontest.Fixture{
//				Transport: &dialer{url: server.URL},        // the minimum
//				Has:       sessiontest.CanPing,             // and what it is meant to do
//				Drop:      server.CloseAll,                 // each hook: some rules more
//				Refuse:    func() { server.Refuse(503) },
//				Heal:      func() { server.Refuse(0) },
//				Links:     server.Connections,
//			}
//		})
//	}
//
// Each rule is a subtest: go test -run 'TestMyTransport/close' tries those about Close,
// -v shows which were skipped for want of a hook, and -race finds what is not safe to
// call at the same time. A failure names the rule, what was wrong, what the contract is,
// and what to do:
//
//	rule "close-silent" is broken: after Close had returned it was reported: Closed(signaling, EOF)
//	        contract: nothing is reported once Close has returned
//	        what to do: let Close wait for the goroutines and timers that report, …
//
// What is tried: Connect (opens; honours its context at many moments, and with a server
// that falls silent in each step of Fixture.Hang; leaves no link, goroutine or report
// behind when it fails; works again afterwards; uses the attempt's endpoint and
// credentials; two links at once), Close (bounded, with a server that has vanished and
// while calls run too; again; silent and without goroutines afterwards; in parity with
// what the server sees), each ability of the link (its answer, its context, all at the
// same time, errors.ErrUnsupported), restarts and resumes (the link lives on, cut short
// at many moments, session.ErrRefused), servers that drop or vanish, and a real session
// that connects, recovers and stops. TestTransportInBubble does so in fake time, and
// then the waits cost nothing.
//
// What it cannot tell without Fixture.Hang: a Connect that takes little time and never
// looks at its context opens a link when that has ended, which Connect may. Give a Hang
// if there is any step in which the server can fall silent.
//
// The link of a real client needs little for it. See dialer_test.go of this package for
// a transport over TCP, and in the examples conformance_test.go of call for one over
// WebRTC and a WebSocket.
//
// # Time
//
// Everything here works with testing/synctest, where hours pass at once and
// every Elapsed is exact, and in real time; nothing polls. Inside a bubble use
// a Config with the delays of production. Outside one, Quick makes a Config
// whose delays are a millisecond. A call that hangs keeps a bubble from ending:
// release it with Transport.Release.
package sessiontest
