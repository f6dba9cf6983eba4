// Package sessiontest is for tests of programs that use package session, and
// of session itself. It holds a scripted transport, a recorder of events, and
// checks of the guarantees, so that a test can bring about any failure and say
// in a line what it expects:
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
// # Time
//
// Everything here works with testing/synctest, where hours pass at once and
// every Elapsed is exact, and in real time; nothing polls. Inside a bubble use
// a Config with the delays of production. Outside one, Quick makes a Config
// whose delays are a millisecond. A call that hangs keeps a bubble from ending:
// release it with Transport.Release.
package sessiontest
