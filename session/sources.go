package session

import (
	"context"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// CredentialSource gives credentials for attempts. One call of a session runs at a
// time. The context ends with Config.PrepareTimeout, and with the session: what is
// returned afterwards is dropped. An error fails the attempt, which is retried; one
// that wraps ErrUnauthorized ends the session. A source must not give the token
// again that was rejected: it is not sent, and the attempt has failed.
type CredentialSource interface {
	Credentials(ctx context.Context, r CredentialRequest) (Credentials, error)
}

// CredentialFunc is a function as a CredentialSource.
type CredentialFunc func(ctx context.Context, r CredentialRequest) (Credentials, error)

// Credentials calls f.
func (f CredentialFunc) Credentials(ctx context.Context, r CredentialRequest) (Credentials, error) {
	return f(ctx, r)
}

// CredentialRequest says what credentials are for.
type CredentialRequest struct {
	// Level is that of the attempt; none for a renewal ahead of need.
	Level policy.Level
	// Cause is why there is an attempt; zero for the first one.
	Cause status.Status
	// Rejected are the ones that the server has rejected last, or the source has given
	// again since; zero if there were none in this outage. Of the attempt that follows
	// a rejection that is the Cause.
	Rejected Credentials
	// Ahead says that nothing is wrong: the ones at hand are about to expire.
	Ahead bool
}

// EndpointSource finds out where to connect to. Its context ends with
// Config.PrepareTimeout, and with the session. An error, or nothing found, fails
// the attempt, which is retried.
type EndpointSource interface {
	Endpoints(ctx context.Context, r EndpointRequest) ([]string, error)
}

// EndpointFunc is a function as an EndpointSource.
type EndpointFunc func(ctx context.Context, r EndpointRequest) ([]string, error)

// Endpoints calls f.
func (f EndpointFunc) Endpoints(ctx context.Context, r EndpointRequest) ([]string, error) {
	return f(ctx, r)
}

// EndpointRequest says what endpoints are for.
type EndpointRequest struct {
	// Number counts the attempts of the outage, or of the first connect.
	Number int
	// Cause is why there is an attempt; zero for the first one.
	Cause status.Status
}

// Limiter says when an attempt may be made, by all sessions that share it. A
// rate.Limiter of golang.org/x/time/rate is one. A restart of media takes 1 of it,
// a resume 2, a rejoin 4; if it has a method Burst() int, as that one has, no more
// than this at once. WaitN must return when its context ends. An error fails the
// attempt.
type Limiter interface {
	WaitN(ctx context.Context, n int) error
}

// costs of an attempt at a limiter.
var costs = map[policy.Level]int{policy.RestartMedia: 1, policy.Resume: 2, policy.Rejoin: 4}

// cost is what an attempt takes of a limiter.
func cost(l Limiter, level policy.Level) int {
	n := costs[level]
	if b, ok := l.(interface{ Burst() int }); ok && b.Burst() > 0 {
		n = min(n, b.Burst())
	}
	return n
}

// Resync is what Config.Resync is given.
type Resync struct {
	// Link is the new link, or the one that was restarted or resumed.
	Link Link
	// Outage tells how long the gap was and whether the server has kept the session.
	Outage observer.Outage
}
