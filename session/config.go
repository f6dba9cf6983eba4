package session

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// Config says how a session behaves. Only Transport is required. What zero and
// negative values mean:
//
//	field            zero              negative
//	Policy           policy.Default    -            (its fields are taken literally)
//	Health           defaults          see package health
//	ConnectTimeout   15 s              error
//	CloseGrace       2 s               error
//	ObserverGrace    2 s               error
//	ReasonGrace      250 ms            off
//	PresenceTimeout  not waited for    not waited for
//	PingInterval     10 s              off              (the detector's pings, too)
//	ProofTimeout     3 s               off
//	PrepareTimeout   10 s              error
//	ResyncTimeout    10 s              error
//	DownTimeout      10 min            a NetworkDown holds until it is taken back
//	Endpoints        none              -
//	EndpointSource   none              -
//	Credentials      none              -
//	Limiter          none              -
//	Resync           none              -
//	NoHealing        links may heal    -
//	Recorder         none              -
//	Random           math/rand/v2      -
type Config struct {
	// Name identifies the session in logs, events and errors.
	Name string
	// Transport opens links.
	Transport Transport
	// Observers hear everything from the first event on. Others may be added
	// with Session.Subscribe.
	Observers []observer.Observer
	// Policy says what a status means, how long to go on trying and how fast;
	// nil means policy.Default.
	Policy *policy.Policy
	// Health sets the thresholds of the health policies and of the detector, and
	// adds the application's own policies. Those are called by one goroutine at a
	// time, while the session decides: they must not block.
	Health health.Config
	// ConnectTimeout is how long one attempt, one update and one promotion may
	// take.
	ConnectTimeout time.Duration
	// CloseGrace is how long a close, or a cancelled Connect, is waited for
	// before the session goes on without it.
	CloseGrace time.Duration
	// ObserverGrace is how long observers may take to hear the end before Done
	// closes without them.
	ObserverGrace time.Duration
	// ReasonGrace is how long a loss without a reason waits for the reason that
	// often follows it, before anything is decided.
	ReasonGrace time.Duration
	// PresenceTimeout is how long the attendee may take to show up on the
	// roster (Reporter.Present) once the link is open.
	PresenceTimeout time.Duration
	// PingInterval is the time between signaling pings, on links that can ping.
	PingInterval time.Duration
	// ProofTimeout is how long a link that was opened in a recovery may take to show
	// that its media path works, before it counts as failed: by any inbound byte or
	// by the answer to a media probe. It is asked of links that can probe media, or
	// that have declared what should come in (Reporter.Expect), while the detector
	// is on.
	ProofTimeout time.Duration
	// NoHealing gives up a link as soon as the detector has found it dead. Otherwise
	// it is left alone until the next attempt begins, or has to wait for the Limiter,
	// and kept if it comes back.
	NoHealing bool
	// Endpoints are where attempts go, in turn: one that has failed is left for the
	// next, and the one that worked is where the next outage begins. What an endpoint
	// is, is for the transport to say.
	Endpoints []string
	// EndpointSource gives them instead, asked at the first attempt of each outage,
	// and whenever all that it gave have failed.
	EndpointSource EndpointSource
	// Credentials is asked for credentials before each attempt to open or resume a
	// link. Ones that are known to expire are used again until then, unless the server
	// rejects them, and are renewed ahead of need.
	Credentials CredentialSource
	// PrepareTimeout is how long each of these sources may take for one attempt, on
	// top of the attempt's own time.
	PrepareTimeout time.Duration
	// Limiter, shared by several sessions, says when each of them may make an attempt.
	Limiter Limiter
	// Resync is called in every recovery, but for links that heal by themselves, when
	// the new link works and before the session counts as connected: to fetch what was
	// missed, if Outage says that the server has not kept the session. An error fails
	// the attempt. It has a goroutine of its own.
	Resync func(ctx context.Context, r Resync) error
	// ResyncTimeout is how long Resync may take.
	ResyncTimeout time.Duration
	// DownTimeout is for how long the hint NetworkDown holds without being repeated
	// or taken back.
	DownTimeout time.Duration
	// Recorder writes down what the session learns and decides, for Replay; nil:
	// nobody does. It serves one session: New fails with one that is used already.
	Recorder *Recorder
	// ViewOnly starts without sending video.
	ViewOnly bool
	// Random gives uniform values in [0,1) for jitter. It is called by one
	// goroutine at a time, while the session decides: it must not block.
	Random func() float64
}

// Effective returns a copy of the config with every default filled in, to be
// looked at or printed. Fields that are off are 0 or negative.
func (c Config) Effective() Config {
	fill(&c.ConnectTimeout, 15*time.Second)
	fill(&c.CloseGrace, 2*time.Second)
	fill(&c.ObserverGrace, 2*time.Second)
	fill(&c.ReasonGrace, 250*time.Millisecond)
	fill(&c.PingInterval, 10*time.Second)
	fill(&c.ProofTimeout, 3*time.Second)
	fill(&c.PrepareTimeout, 10*time.Second)
	fill(&c.ResyncTimeout, 10*time.Second)
	fill(&c.DownTimeout, 10*time.Minute)
	c.Endpoints = slices.Clone(c.Endpoints)
	c.Health = c.Health.WithDefaults()
	p := policy.Default()
	if c.Policy != nil {
		p = *c.Policy // a copy, which the application cannot change any more
	}
	c.Policy = &p
	if c.Random == nil {
		c.Random = rand.Float64
	}
	return c
}

func fill(d *time.Duration, def time.Duration) {
	if *d == 0 {
		*d = def
	}
}

// Validate reports everything that is wrong with the config, naming each
// field. New calls it.
func (c Config) Validate() error {
	var errs []error
	if c.Transport == nil {
		errs = append(errs, errors.New("session: Config.Transport is required"))
	}
	for i, o := range c.Observers {
		if o == nil {
			errs = append(errs, fmt.Errorf("session: Config.Observers[%d] is nil", i))
		}
	}
	errs = append(errs, positive("ConnectTimeout", c.ConnectTimeout),
		positive("CloseGrace", c.CloseGrace), positive("ObserverGrace", c.ObserverGrace),
		positive("PrepareTimeout", c.PrepareTimeout), positive("ResyncTimeout", c.ResyncTimeout), c.validateSources())
	if c.PingInterval > 0 && c.PingInterval < time.Millisecond {
		errs = append(errs, fmt.Errorf("session: Config.PingInterval is %s: it must be at least 1 ms, or negative for off", c.PingInterval))
	}
	if c.Policy != nil {
		errs = append(errs, wrap("Policy", c.Policy.Validate()))
	}
	errs = append(errs, wrap("Health", c.Health.Validate()))
	return errors.Join(errs...)
}

// validateSources refuses functions that are not there. In an interface they look
// like sources.
func (c Config) validateSources() error {
	var errs []error
	if f, ok := c.Credentials.(CredentialFunc); ok && f == nil {
		errs = append(errs, errors.New("session: Config.Credentials is a nil CredentialFunc: leave the field out instead"))
	}
	if f, ok := c.EndpointSource.(EndpointFunc); ok && f == nil {
		errs = append(errs, errors.New("session: Config.EndpointSource is a nil EndpointFunc: leave the field out instead"))
	}
	return errors.Join(append(errs, c.validateEndpoints())...)
}

func (c Config) validateEndpoints() error {
	if len(c.Endpoints) > 0 && c.EndpointSource != nil {
		return errors.New("session: Config has both Endpoints and an EndpointSource: set one of them")
	}
	if i := slices.Index(c.Endpoints, ""); i >= 0 {
		return fmt.Errorf("session: Config.Endpoints[%d] is empty", i)
	}
	return nil
}

func positive(field string, d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("session: Config.%s is %s: it must be positive, or 0 for the default", field, d)
	}
	return nil
}

func wrap(field string, err error) error {
	if err != nil {
		return fmt.Errorf("session: Config.%s: %w", field, err)
	}
	return nil
}

// machine translates an effective config for the core.
func (c Config) machine() *machine.Config {
	m := &machine.Config{
		Session: c.Name, Policy: *c.Policy, Health: c.Health, ConnectTimeout: c.ConnectTimeout,
		CloseGrace: c.CloseGrace, ReasonGrace: max(c.ReasonGrace, 0), PresenceTimeout: max(c.PresenceTimeout, 0),
		PingInterval: max(c.PingInterval, 0), ProofTimeout: max(c.ProofTimeout, 0),
		NoHealing: c.NoHealing, ViewOnly: c.ViewOnly, Random: c.Random,
		Endpoints: c.Endpoints, FindEndpoints: c.EndpointSource != nil, Authorizes: c.Credentials != nil,
		PrepareTimeout: c.PrepareTimeout, Limited: c.Limiter != nil, DownTimeout: c.DownTimeout,
	}
	if m.DownTimeout < 0 {
		m.DownTimeout = math.MaxInt64
	}
	if c.Resync != nil {
		m.ResyncTimeout = c.ResyncTimeout
	}
	return m
}

// settings are what the shell itself needs of an effective config; the rest is the
// core's.
type settings struct {
	transport                 Transport
	closeGrace, observerGrace time.Duration
	pingLimit, probeLimit     time.Duration // of one call
	classes                   policy.Classes
	sources                   *sources
}

// sources are what an attempt may need besides the transport.
type sources struct {
	endpoints   EndpointSource
	credentials CredentialSource
	limiter     Limiter
	resync      func(context.Context, Resync) error
	margin      time.Duration // credentials must hold for so long to be used again
}

func (c *Config) settings() settings {
	return settings{
		sources:   c.sources(),
		transport: c.Transport, closeGrace: c.CloseGrace, observerGrace: c.ObserverGrace,
		pingLimit: c.PingInterval, probeLimit: c.Health.Detector.ProbeTimeout, classes: c.Policy.Classes,
	}
}

var noSources sources

// sources are nearly always none; sessions share those.
func (c *Config) sources() *sources {
	if c.EndpointSource == nil && c.Credentials == nil && c.Limiter == nil && c.Resync == nil {
		return &noSources
	}
	return &sources{
		endpoints: c.EndpointSource, credentials: c.Credentials, limiter: c.Limiter, resync: c.Resync,
		margin: c.ConnectTimeout,
	}
}
