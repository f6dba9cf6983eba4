// Package status names what can go wrong with a media session, and turns what
// arrives on the wire into those names.
//
// A [Code] is a small number with the numbering of the reference system, so
// that logs of both can be laid side by side. It is an error in the manner of
// [syscall.Errno], which makes the usual tools work:
//
//	if errors.Is(err, status.MeetingEnded) { ... }
//	if code, ok := status.CodeOf(err); ok { ... }
//
// A [Status] is one observation: a code together with the layer it concerns,
// the number seen on the wire and the underlying error. It is an error too and
// unwraps to its code and its cause. A [Directive] in it says what the server
// asks of whoever tries again; [ParseRetryAfter] reads the commonest wish.
//
// Each code has a fixed row of properties: whether it is final
// ([Code.Terminal]), a failure ([Code.Failure]) or an audio connection failure
// ([Code.AudioConnectionFailure]), where an observer may meet it
// ([Code.Told], [Code.Public]), whether the end user should hear of it
// ([Code.Audience], [Code.UserMessage]) and what to write in a log
// ([Code.Detail]). These are facts. What a session does about a code is decided
// elsewhere, by package policy, and applications do not drive retries from
// codes at all.
//
// [FromSignaling], [FromAudio], [FromFrame], [FromJoinAnswer],
// [FromWebSocketClose] and [FromWebSocketError] are total: every int has a
// defined, known code as its meaning, so a hostile or newer peer can neither
// crash a session nor keep it retrying outside its budget (G13).
//
// The package imports the standard library only. Everything in it is a value
// or a pure function and may be used from any goroutine, except that the
// Unmarshal methods write to their receiver.
package status
