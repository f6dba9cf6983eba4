// Package callkit holds the parts that the call example is made of: a small
// meeting server and a client for it, both with real media (WebRTC, by Pion)
// and real signaling (JSON over a WebSocket), and the means to break either in
// a controlled way while a call is up.
//
// The client is deliberately plain. [Dial] makes one attempt to join a meeting
// and returns a [Call] or the reason why there is none; what is learned about
// the call afterwards goes to a [Handler]. [Call.RestartMedia] and [Call.Resume]
// mend one layer and leave the other alone. It never retries and judges nothing:
// that is what Holdfast is for.
//
// Unless a caller of this package changes the setting engine, all media stays on
// the loopback interface.
package callkit
