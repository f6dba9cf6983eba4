package chaos

import "github.com/holdfast-go/holdfast/health"

// profile is a kind of life. Probabilities are one in so many.
type profile struct {
	name     string
	steps    int // there are so many, to twice as many
	answers  int // at most
	gaps     []Span
	deeds    []Deed
	bad      int // of a hundred answers
	outcomes []Outcome
	rude     int // answers that make something else of their context
	strays   int // steps that concern older links
	final    int // statuses of any code
	// settle changes settings.
	settle func(*dice, *Settings)
}

var (
	briefly = []Span{0, 0, ms, 20 * ms, 100 * ms, 249 * ms, 250 * ms, 600 * ms, 2 * sec}
	while   = []Span{0, ms, 100 * ms, 250 * ms, sec, 2 * sec, 2 * sec, 4 * sec, 8 * sec, 11 * sec, 16 * sec}
	long    = []Span{100 * ms, sec, 4 * sec, 11 * sec, 31 * sec, 65 * sec}

	losses = []Deed{Report, Report, Close, Close}
	asks   = []Deed{Update, Promote, Demote, Reconnect, Hint}

	everything = []Deed{
		Subscribe, Cancel,
		Report, Report, Report, Close, Close, Close, Doubt, Samples, Hear, Declare, Present, StrayPong, Silence, Silence, Hint, Hint,
		Sleep, Sleep, Stall, Update, Promote, Promote, Demote, Reconnect, CannotPing,
	}

	mild      = []Outcome{Fails, Fails, Fails, Refused, Unsupported, Hangs}
	refusing  = []Outcome{Fails, Fails, Fails, Refused, Unauthorized, Unauthorized, Unsupported}
	hanging   = []Outcome{Hangs, Hangs, Hangs, Fails, Panics, Exits, Nothing}
	allBad    = []Outcome{Fails, Fails, Refused, Unauthorized, Unsupported, Nothing, Panics, Exits, Hangs, Hangs, Again}
	wellKnown = []Outcome{Fails, Hangs, Again, Unauthorized, Nothing}
)

// profiles are the kinds of life: realistic ones first, then those that mean harm.
var profiles = []profile{
	{
		name: "gentle", steps: 3, answers: 3,
		gaps: while, deeds: append(losses, asks...),
		bad: 25, outcomes: mild, rude: 20, strays: 10, final: 12,
		settle: func(*dice, *Settings) {},
	},
	{
		name: "mobile", steps: 4, answers: 4,
		gaps: while, bad: 35, outcomes: mild, rude: 20, strays: 20, final: 20,
		deeds: []Deed{Silence, Silence, Silence, Hint, Hint, Hint, Sleep, Sleep, Stall, Close, Report, Samples, Declare, Doubt, Hear},
		settle: func(d *dice, s *Settings) {
			s.Detector, s.Can = !d.one(3), s.Can|Can(d.n(64))
			s.Media, s.Expect = pick(d, []Span{0, 20 * ms, sec}), health.Expectation(d.n(4))
		},
	},
	{
		name: "quiet", steps: 3, answers: 2,
		gaps: []Span{300 * ms, 2 * sec, 2900 * ms, 3100 * ms, 4600 * ms, 4800 * ms, 7 * sec}, bad: 30, outcomes: mild,
		rude: 20, strays: 20, final: 20,
		deeds: []Deed{Silence, Silence, Silence, Silence, Silence, Hint, Doubt, Declare, Close},
		settle: func(d *dice, s *Settings) {
			s.Detector, s.Can = true, s.Can|abilities("ping+probe")
			s.NoHealing, s.Media, s.Expect = d.one(6), pick(d, []Span{0, 0, 20 * ms}), health.Expectation(d.n(4))
		},
	},
	{
		name: "refused", steps: 3, answers: 10,
		gaps: while, deeds: append(losses, Report, Hint, Reconnect),
		bad: 85, outcomes: refusing, rude: 20, strays: 10, final: 16,
		settle: func(d *dice, s *Settings) { s.Credentials, s.Limiter = d.one(2), d.one(4) },
	},
	{
		name: "sources", steps: 4, answers: 10,
		gaps: while, deeds: append(losses, Hint, Hint, Reconnect, Update),
		bad: 50, outcomes: wellKnown, rude: 8, strays: 12, final: 20,
		settle: func(d *dice, s *Settings) {
			s.Credentials, s.FindEndpoints, s.Limiter = !d.one(3), d.one(2), d.one(2)
			s.ExpireIn = pick(d, []Span{0, 4 * sec, 20 * sec, 300 * sec})
			s.ResyncTimeout = pick(d, []Span{0, 2 * sec, 10 * sec})
			if !s.FindEndpoints {
				s.Endpoints = d.n(4)
			}
		},
	},
	{
		name: "flapping", steps: 8, answers: 4,
		gaps: briefly, deeds: append(losses, Close, Report, Promote, Present),
		bad: 20, outcomes: mild, rude: 12, strays: 10, final: 60,
		settle: func(d *dice, s *Settings) { s.StableAfter = pick(d, []Span{sec, 10 * sec}); s.BackOff = "jitter" },
	},
	{
		name: "deaf", steps: 4, answers: 10,
		gaps: while, deeds: append(losses, asks...),
		bad: 80, outcomes: hanging, rude: 2, strays: 8, final: 16,
		settle: func(d *dice, s *Settings) {
			s.Credentials, s.FindEndpoints, s.Limiter = d.one(4), d.one(4), d.one(6)
			s.ResyncTimeout = pick(d, []Span{0, sec})
		},
	},
	{
		name: "leaving", steps: 3, answers: 5,
		gaps: briefly, bad: 40, outcomes: allBad, rude: 4, strays: 8, final: 12,
		deeds: []Deed{Stop, StopWith, Cancel, Subscribe, Report, Close, Promote, Update, Reconnect, Hint, Fault},
		settle: func(d *dice, s *Settings) {
			s.Credentials, s.FindEndpoints, s.Limiter = d.one(3), d.one(4), d.one(4)
			s.ResyncTimeout, s.Slow = pick(d, []Span{0, sec}), pick(d, []Span{0, 0, 300 * ms, 5 * sec})
		},
	},
	{
		name: "vicious", steps: 7, answers: 12,
		gaps: while, deeds: everything, bad: 60, outcomes: allBad, rude: 4, strays: 5, final: 20,
		settle: func(d *dice, s *Settings) {
			s.Detector, s.ResyncTimeout, s.Credentials = d.one(4), pick(d, []Span{0, 2 * sec}), d.one(2)
			s.FindEndpoints, s.Limiter, s.ExpireIn = d.one(3), d.one(3), pick(d, []Span{0, 5 * sec})
			s.Media, s.ViewOnly, s.Slow = pick(d, []Span{0, 0, sec}), d.one(8), pick(d, []Span{0, 0, 0, 2 * sec})
		},
	},
	{
		name: "literal", steps: 4, answers: 6,
		gaps: long, deeds: everything, bad: 40, outcomes: allBad, rude: 8, strays: 8, final: 30,
		settle: func(d *dice, s *Settings) {
			switch d.n(5) {
			case 0:
				s.Elapsed, s.Idle, s.Attempts = 0, 0, 0 // never twice
			case 1:
				s.Elapsed, s.Attempts = -1, 1+d.n(4)
			case 2:
				s.Elapsed, s.Idle = 30*sec, 15*sec
			case 3:
				s.Elapsed = -1 // for ever
			case 4:
				s.Elapsed, s.Idle, s.StableAfter, s.Ladder, s.BackOff = 120*sec, 120*sec, 0, false, "jitter" // the reference
			}
			s.ReasonGrace, s.DownTimeout, s.ProofTimeout = pick(d, []Span{0, 250 * ms}), pick(d, []Span{0, 15 * sec}), pick(d, []Span{0, 3 * sec})
		},
	},
}

// marathon is a life of many outages, in which little by little what is forgotten
// adds up.
var marathon = profile{
	name: "marathon", steps: 25, answers: 40, gaps: []Span{3 * sec, 4 * sec, 6 * sec},
	deeds: append(losses, Close, Report, Hint, Silence), bad: 70, outcomes: []Outcome{Hangs, Hangs, Works, Fails}, rude: 2, strays: 30, final: 1000,
	settle: func(d *dice, s *Settings) {
		s.Elapsed, s.StableAfter, s.BackOff, s.CloseGrace = 90*sec, sec, "jitter", 500*ms
		s.ConnectTimeout, s.Can = 3*sec, s.Can|abilities("resume")
	},
}

// burdened is a life with an observer that has more to hear than it can: links that
// are lost hundreds of times while it blocks.
var burdened = profile{
	name: "burdened", steps: 4, answers: 2, gaps: []Span{0, ms, 100 * ms, sec, 4 * sec},
	deeds: []Deed{Block, Block, Block, Block, Flap, Flap, Flap, Flap, Fault, Subscribe, Close, Hint, Promote}, bad: 20, outcomes: mild,
	rude: 20, strays: 30, final: 1000,
	settle: func(d *dice, s *Settings) {
		s.Elapsed, s.StableAfter, s.BackOff, s.Ladder, s.RTT = 90*sec, 0, "jitter", d.one(2), 20*ms
		s.Slow, s.Chatty, s.PresenceTimeout = pick(d, []Span{0, 0, ms, 300 * ms}), d.one(4), 0
	},
}

// abilities reads a list of them.
func abilities(text string) (c Can) {
	if err := c.UnmarshalText([]byte(text)); err != nil {
		panic(err)
	}
	return c
}
