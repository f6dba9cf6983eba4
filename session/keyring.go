package session

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/policy/status"
)

// keyring holds the credentials of a session. Only one question to the source is
// open at a time.
type keyring struct {
	turn chan struct{} // holds a token while nobody asks

	mu       sync.Mutex
	held     Credentials                // the last that the source gave
	used     Credentials                // the last that an attempt was given
	rejected map[[sha256.Size]byte]bool // hashes of tokens
	last     Credentials                // the last that was rejected, in this outage; zero: none
}

func newKeyring() *keyring {
	k := &keyring{turn: make(chan struct{}, 1)}
	k.turn <- struct{}{}
	return k
}

var errSameCredentials = errors.New("the credential source gave a token that the server has rejected")

// unprepared is what an attempt has failed with before it reached the transport.
// What it says of credentials, refusals and abilities is the source's own affair,
// but for a token that is known to be no good, which counts as rejected again.
type unprepared struct{ error }

// Unwrap leads to what the source has said.
func (u unprepared) Unwrap() error { return u.error }

// begin notes that an attempt begins: the first one of an outage, in which nothing
// was rejected yet, or one that follows a rejection of what was used last.
func (k *keyring) begin(first, rejected bool) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if first {
		k.last = Credentials{}
	}
	if !rejected {
		return
	}
	k.last, k.held = k.used, Credentials{}
	if k.rejected == nil {
		k.rejected = make(map[[sha256.Size]byte]bool)
	}
	k.rejected[sha256.Sum256([]byte(k.used.Token))] = true
}

// take waits for the turn to ask.
func (k *keyring) take(ctx context.Context) error {
	select {
	case <-k.turn:
		return nil
	case <-ctx.Done():
		return errors.New("an earlier question to the credential source has not returned")
	}
}

// good gives the credentials at hand if they are known to do for the margin.
func (k *keyring) good(margin time.Duration) (Credentials, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held.Expires.IsZero() || left(k.held) < margin {
		return Credentials{}, false
	}
	k.used = k.held
	return k.held, true
}

// keep takes what the source gave, unless that was rejected before. Then the source
// does not know, or has forgotten, and is told the next time.
func (k *keyring) keep(c Credentials, ahead bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.rejected[sha256.Sum256([]byte(c.Token))] {
		k.last, k.used = c, c // that is what counts as rejected, again
		return errSameCredentials
	}
	k.held = c
	if !ahead {
		k.used = c
	}
	return nil
}

// credentials gives those for an attempt, or renews those at hand.
func (s *Session) credentials(ctx context.Context, r CredentialRequest) (c Credentials, err error) {
	k := s.keys
	if !r.Ahead {
		if c, ok := k.good(s.cfg.sources.margin); ok {
			return c, nil
		}
	}
	if err := k.take(ctx); err != nil {
		return Credentials{}, err
	}
	k.mu.Lock()
	r.Rejected = k.last
	k.mu.Unlock()
	guard("CredentialSource", func() (err error) {
		c, err = s.cfg.sources.credentials.Credentials(ctx, r)
		s.keepSecret(c.Token)
		return err
	}, func(e error) {
		err = e
		k.turn <- struct{}{}
	})
	switch {
	case err != nil:
		return Credentials{}, unauthorized(err)
	case ctx.Err() != nil: // whoever asked has been given up
		return Credentials{}, ctx.Err()
	}
	return c, k.keep(c, r.Ahead)
}

// unauthorized makes the source's own "unauthorized" final.
func unauthorized(err error) error {
	if errors.Is(err, ErrUnauthorized) {
		return status.Status{Code: status.AudioAuthenticationRejected, Layer: status.LayerClient, Permanent: true, Cause: err}
	}
	return fmt.Errorf("fetching credentials: %w", err)
}

// expireIn is how long credentials will do; 0 if that is not known. Of what has
// expired when it is given it is not: the source may do no better, or this clock be
// wrong, and asking again at once helps neither.
func expireIn(c Credentials) time.Duration {
	if c.Expires.IsZero() {
		return 0
	}
	return max(left(c), 0)
}

// left is the time until credentials expire, by the wall clock: a sleep counts.
func left(c Credentials) time.Duration { return c.Expires.Round(0).Sub(time.Now().Round(0)) }
