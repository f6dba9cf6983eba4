package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/session"
)

// equip gives a config the sources and hooks that the script has.
func (v *server) equip(c *session.Config) {
	if v.s.Credentials {
		c.Credentials = session.CredentialFunc(v.credentials)
	}
	if v.s.FindEndpoints {
		c.EndpointSource = session.EndpointFunc(v.endpoints)
	}
	if v.s.Limiter {
		c.Limiter = limiter{v}
	}
	if v.s.ResyncTimeout > 0 {
		c.Resync = v.resync
	}
}

var errNoToken = errors.New("no token")

func (v *server) credentials(ctx context.Context, r session.CredentialRequest) (session.Credentials, error) {
	answer, call := v.begin(ctx, ToCredentials, 0)
	defer v.end(call)
	if err := v.play(ctx, &answer); err != nil {
		return session.Credentials{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if answer.Does != Again {
		v.given++
	}
	if v.given == 0 {
		return session.Credentials{}, errNoToken
	}
	c := session.Credentials{Token: fmt.Sprint("token ", v.given)}
	if v.s.ExpireIn > 0 {
		c.Expires = time.Now().Add(time.Duration(v.s.ExpireIn))
	}
	return c, nil
}

func (v *server) endpoints(ctx context.Context, _ session.EndpointRequest) ([]string, error) {
	answer, call := v.begin(ctx, ToEndpoints, 0)
	defer v.end(call)
	if err := v.play(ctx, &answer); err != nil || answer.Does == Nothing {
		return nil, err
	}
	return endpointNames, nil
}

type limiter struct{ v *server }

// WaitN lets an attempt through. The session calls it.
func (l limiter) WaitN(ctx context.Context, _ int) error {
	answer, call := l.v.begin(ctx, ToLimiter, 0)
	defer l.v.end(call)
	if err := l.v.play(ctx, &answer); err != nil {
		return err
	}
	l.v.mu.Lock()
	defer l.v.mu.Unlock()
	l.v.permits++
	return nil
}

func (v *server) resync(ctx context.Context, r session.Resync) error {
	answer, call := v.begin(ctx, ToResync, 0)
	defer v.end(call)
	if r.Link == nil {
		v.complain(ruleOneLink, "a resync without a link")
	}
	return v.play(ctx, &answer)
}
