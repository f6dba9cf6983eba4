package policy

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/policy/status"
)

// ladderUnderTest tells a window from none, and one attempt from two.
var ladderUnderTest = Ladder{
	RestartMedia: Rung{Timeout: 4 * time.Second, Attempts: 1},
	Resume:       Rung{Timeout: 9 * time.Second, Attempts: 2, Window: time.Minute},
}

// losses are statuses by the damage that they tell of.
var losses = map[Damage]status.Status{
	0:                         status.New(status.TaskFailed, nil),
	MediaDead:                 {Code: status.ConnectionHealthReconnect, Layer: status.LayerMedia},
	SignalingDead:             status.New(status.SignalingChannelClosedUnexpectedly, nil),
	MediaDead | SignalingDead: status.New(status.ConnectionHealthReconnect, nil),
}

var wishes = []*status.Directive{
	nil,
	{},
	{RetryAfter: time.Second},
	{Recovery: status.RecoverByResume},
	{Recovery: status.RecoverByRejoin},
	{Endpoint: "there"},
	{Endpoint: "there", Recovery: status.RecoverByResume},
}

// expected is LevelFor in other words: of all levels the lowest against which nothing
// speaks.
func expected(l Ladder, st status.Status, r Recovery) Level {
	damage := r.Damage | DamageOf(st)
	resume := st.Directive != nil && st.Directive.Recovery == status.RecoverByResume
	rejoin := st.Directive != nil && !resume && (st.Directive.Recovery == status.RecoverByRejoin || st.Directive.Endpoint != "")
	for _, level := range []Level{RestartMedia, Resume} {
		able := map[Level]bool{RestartMedia: r.CanRestartMedia, Resume: r.CanResume}[level]
		tried := map[Level]int{RestartMedia: r.Restarts, Resume: r.Resumes}[level]
		rung := map[Level]Rung{RestartMedia: l.RestartMedia, Resume: l.Resume}[level]
		against := level < r.At || level == r.At && r.Refused
		switch {
		case resume:
			against = against || level != Resume
		case rejoin, damage == 0:
			against = true
		default:
			against = against || level == RestartMedia && damage&SignalingDead != 0 || level < r.Floor
		}
		late := rung.Window > 0 && r.Age >= rung.Window
		if !against && able && tried < rung.Attempts && !late {
			return level
		}
	}
	return Rejoin
}

// TestLevelFor holds every combination of what a level may depend on against that.
func TestLevelFor(t *testing.T) {
	n, seen := 0, map[Level]int{}
	bools := []bool{false, true}
	for known := range MediaDead | SignalingDead + 1 {
		for _, loss := range losses {
			for _, wish := range wishes {
				for _, restartable := range bools {
					for _, resumable := range bools {
						for at := range Rejoin + 1 {
							for _, refused := range bools {
								for floor := range Rejoin + 1 {
									for tries := range 9 {
										for _, age := range []time.Duration{-time.Hour, 0, time.Minute - 1, time.Minute} {
											st := loss
											st.Directive = wish
											r := Recovery{
												Damage: known, CanRestartMedia: restartable, CanResume: resumable, At: at, Refused: refused,
												Floor: floor, Restarts: tries % 3, Resumes: tries / 3, Age: age,
											}
											got := ladderUnderTest.LevelFor(st, r)
											if want := expected(ladderUnderTest, st, r); got != want {
												require.Equal(t, want, got, "%+v after %v", r, st)
											}
											n++
											seen[got]++
										}
									}
								}
							}
						}
					}
				}
			}
		}
	}
	t.Logf("%d combinations: %v", n, seen)
	assert.Equal(t, 4*4*len(wishes)*2*2*4*2*4*9*4, n)
	for level := RestartMedia; level <= Rejoin; level++ {
		assert.Positive(t, seen[level], level.String())
	}
	assert.Len(t, seen, 3, "no other level")
}

// TestLevelForEveryLadder: a rung of no attempts is never stepped on, whatever its
// other values.
func TestLevelForEveryLadder(t *testing.T) {
	able := Recovery{CanRestartMedia: true, CanResume: true}
	media, signaling := losses[MediaDead], losses[SignalingDead]
	for name, c := range map[string]struct {
		ladder           Ladder
		media, signaling Level
	}{
		"the zero value":                    {Ladder{}, Rejoin, Rejoin},
		"the default":                       {DefaultLadder(), RestartMedia, Resume},
		"no restarts":                       {Ladder{Resume: Rung{Attempts: 1}}, Resume, Resume},
		"no resumes":                        {Ladder{RestartMedia: Rung{Attempts: 1}}, RestartMedia, Rejoin},
		"less than none":                    {Ladder{RestartMedia: Rung{Attempts: -1}, Resume: Rung{Attempts: math.MinInt}}, Rejoin, Rejoin},
		"windows of no length are for ever": {Ladder{RestartMedia: Rung{Attempts: 1, Window: -1}, Resume: Rung{Attempts: 1, Window: -time.Hour}}, RestartMedia, Resume},
	} {
		able := able
		able.Age = 100 * time.Hour
		if name == "the default" {
			able.Age = 0
		}
		assert.Equal(t, c.media, c.ladder.LevelFor(media, able), name)
		assert.Equal(t, c.signaling, c.ladder.LevelFor(signaling, able), name)
	}
}

func TestLadderLimits(t *testing.T) {
	l := ladderUnderTest
	assert.Equal(t, l.RestartMedia, l.Rung(RestartMedia))
	assert.Equal(t, l.Resume, l.Rung(Resume))
	for _, level := range []Level{0, Rejoin, 99, -1} {
		assert.Zero(t, l.Rung(level))
		assert.Equal(t, 15*time.Second, l.Limit(level, 15*time.Second))
	}
	assert.Equal(t, 4*time.Second, l.Limit(RestartMedia, 15*time.Second))
	assert.Equal(t, 9*time.Second, l.Limit(Resume, time.Second), "also if that is more")
	l.Resume.Timeout = -1
	assert.Equal(t, 15*time.Second, l.Limit(Resume, 15*time.Second))
}

func TestLadderValidate(t *testing.T) {
	assert.NoError(t, Ladder{}.validate())
	assert.NoError(t, DefaultLadder().validate())
	err := Ladder{RestartMedia: Rung{Timeout: 1}, Resume: Rung{Timeout: 1, Attempts: -1}}.validate()
	assert.ErrorContains(t, err, "restart-media")
	assert.ErrorContains(t, err, "resume")
	p := Default()
	p.Ladder.Resume.Attempts = 0
	assert.ErrorContains(t, p.Validate(), "resume")
}

// TestDamageOf: what each code, on each layer, says about the layers. It is no more
// than is known.
func TestDamageOf(t *testing.T) {
	want := map[status.Code]map[status.Layer]Damage{
		status.ConnectionHealthReconnect: {
			status.LayerUnknown: MediaDead | SignalingDead, status.LayerMedia: MediaDead, status.LayerSignaling: SignalingDead,
		},
	}
	always := map[status.Code]Damage{
		status.ICEGatheringTimeoutWorkaround: MediaDead, status.SignalingChannelClosedUnexpectedly: SignalingDead,
		status.SignalingInternalServerError: SignalingDead,
	}
	for _, c := range append(status.All(), 99) {
		for l := status.LayerUnknown - 1; l < 7; l++ {
			st := status.Status{Code: c, Layer: l, Wire: 4410, Shared: true, Permanent: true}
			w, ok := always[c]
			if !ok {
				w = want[c][l]
			}
			assert.Equal(t, w, DamageOf(st), "%s of %s", c.String(), l)
		}
	}
}

func TestDamageText(t *testing.T) {
	for d, text := range map[Damage]string{0: "unknown", MediaDead: "media", SignalingDead: "signaling", 3: "both", 4: "Damage(4)", -1: "Damage(-1)"} {
		assert.Equal(t, text, d.String())
		var back Damage
		if err := back.UnmarshalText([]byte(text)); d < 0 || d > 3 {
			assert.Error(t, err)
			continue
		}
		assert.Equal(t, d, back)
	}
	r := Recovery{
		Damage: MediaDead, CanResume: true, At: Resume, Floor: Resume, Resumes: 2, Age: time.Second, Rejected: true, Rejections: 3, Renewable: true,
	}
	text, err := json.Marshal(r)
	require.NoError(t, err)
	assert.JSONEq(t, `{"damage":"media","canResume":true,"at":"resume","floor":"resume","resumes":2,"age":1000000000,"rejected":true,"rejections":3,"renewable":true}`, string(text))
	var back Recovery
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, r, back)
}

// counter gives delays of 1 s, 2 s and so on, and notes the causes that it was told.
type counter struct{ causes []Cause }

func (c *counter) NextBackOff() time.Duration { return c.NextFor(Cause{}) }
func (c *counter) Reset()                     {}

func (c *counter) NextFor(cause Cause) time.Duration {
	c.causes = append(c.causes, cause)
	return time.Duration(len(c.causes)) * time.Second
}

// TestDecideLevel: the next level after one that has failed is tried at once, and
// costs no delay of the backoff; everything else waits for one.
func TestDecideLevel(t *testing.T) {
	p := Default()
	p.Ladder = ladderUnderTest
	able := Recovery{CanRestartMedia: true, CanResume: true}
	with := func(change func(*Recovery)) Recovery {
		r := able
		change(&r)
		return r
	}
	media := losses[MediaDead]
	overloaded := status.Status{Code: status.SignalingInternalServerError, Wire: 503, Shared: true}
	for name, c := range map[string]struct {
		r     Recovery
		st    status.Status
		level Level
		rule  Rule
	}{
		"a loss":                          {able, media, RestartMedia, RuleDelay},
		"a restart has failed":            {with(func(r *Recovery) { r.Damage, r.At, r.Floor, r.Restarts = MediaDead, RestartMedia, RestartMedia, 1 }), losses[0], Resume, RuleLevel},
		"a resume has failed":             {with(func(r *Recovery) { r.Damage, r.At, r.Floor, r.Resumes = SignalingDead, Resume, Resume, 1 }), losses[0], Resume, RuleDelay},
		"the second one, too":             {with(func(r *Recovery) { r.Damage, r.At, r.Floor, r.Resumes = SignalingDead, Resume, Resume, 2 }), losses[0], Rejoin, RuleLevel},
		"it, too, by a server in trouble": {with(func(r *Recovery) { r.Damage, r.At, r.Floor, r.Resumes = SignalingDead, Resume, Resume, 2 }), overloaded, Rejoin, RuleDelay},
		"refused by a server in trouble": {with(func(r *Recovery) {
			r.Damage, r.At, r.Floor, r.Resumes, r.Refused = SignalingDead, Resume, Resume, 1, true
		}), overloaded, Rejoin, RuleLevel},
		"a resume was refused": {with(func(r *Recovery) {
			r.Damage, r.At, r.Floor, r.Resumes, r.Refused = SignalingDead, Resume, Resume, 1, true
		}), losses[0], Rejoin, RuleLevel},
		"a rejoin has failed":        {with(func(r *Recovery) { r.At, r.Floor = Rejoin, Rejoin }), losses[0], Rejoin, RuleDelay},
		"the server asks for time":   {with(func(r *Recovery) { r.Damage, r.At, r.Floor, r.Restarts = MediaDead, RestartMedia, RestartMedia, 1 }), status.Status{Code: status.TaskFailed, Directive: &status.Directive{RetryAfter: time.Minute}}, Resume, RuleDelay},
		"it asks for less than none": {with(func(r *Recovery) { r.Damage, r.At, r.Floor, r.Restarts = MediaDead, RestartMedia, RestartMedia, 1 }), status.Status{Code: status.TaskFailed, Directive: &status.Directive{RetryAfter: -time.Minute}}, Resume, RuleLevel},
	} {
		t.Run(name, func(t *testing.T) {
			bo := &counter{}
			r := NewRetries(p.Budget, bo)
			r.Begin(0)
			d := Decide(&p, Facts{Phase: Failed, Status: c.st, Recovery: c.r}, &r, 0)
			assert.Equal(t, Retry, d.Action)
			assert.Equal(t, c.level, d.Level)
			assert.Equal(t, c.rule, d.Rule)
			assert.Equal(t, c.rule == RuleDelay, d.Delay > 0)
			assert.Equal(t, c.rule == RuleDelay, len(bo.causes) == 1)
			if len(bo.causes) == 1 {
				assert.Equal(t, c.level == RestartMedia, bo.causes[0].Light)
			}
		})
	}
}

// TestDecideRetryAfter: what a server asks for is waited for, within what is granted;
// it is the server's time, so that it is added to the budget, within the extension.
func TestDecideRetryAfter(t *testing.T) {
	const most = 5 * time.Minute
	for _, c := range []struct{ wish, extension, delay, granted time.Duration }{
		{0, NoLimit, time.Second, 0},
		{-time.Hour, NoLimit, time.Second, 0},
		{math.MinInt64, NoLimit, time.Second, 0},
		{20 * time.Second, NoLimit, 21 * time.Second, 21 * time.Second},
		{20 * time.Second, 10 * time.Second, 21 * time.Second, 10 * time.Second},
		{20 * time.Second, 0, 21 * time.Second, 0},
		{1, NoLimit, time.Second + 1, 1},
		{most, NoLimit, most + time.Second, most + time.Second},
		{most + 1, NoLimit, most + time.Second, most + time.Second},
		{10 * 365 * 24 * time.Hour, NoLimit, most + time.Second, most + time.Second},
		{math.MaxInt64, NoLimit, most + time.Second, most + time.Second},
	} {
		p := Policy{Budget: Budget{Elapsed: time.Hour, Idle: 2 * time.Hour, Attempts: NoLimit, Extension: c.extension}, MaxRetryAfter: most}
		r := NewRetries(p.Budget, &counter{})
		r.Begin(0)
		r.Alive(0)
		st := status.Status{Code: status.AudioServiceUnavailable, Directive: &status.Directive{RetryAfter: c.wish}}
		d := Decide(&p, Facts{Phase: Failed, Status: st}, &r, 0)
		assert.Equal(t, c.delay, d.Delay, fmt.Sprint(c))
		end, _ := r.Deadline()
		assert.Equal(t, time.Hour+c.granted, end, fmt.Sprint(c))
		assert.Equal(t, 2*time.Hour+c.granted, r.Left(0).Idle, fmt.Sprint(c))
	}
	p := Policy{Budget: Budget{Elapsed: time.Hour, Idle: NoLimit, Attempts: NoLimit, Extension: time.Minute}, MaxRetryAfter: 0}
	r := NewRetries(p.Budget, &counter{})
	r.Begin(0)
	d := Decide(&p, Facts{Phase: Failed, Status: status.Status{Code: status.TaskFailed, Directive: &status.Directive{RetryAfter: time.Hour}}}, &r, 0)
	assert.Equal(t, time.Second, d.Delay, "who grants nothing waits for nothing")
}

// TestGrantIsForAPeriod: however often a server asks, no more than the extension is
// added, until the next period.
func TestGrantIsForAPeriod(t *testing.T) {
	r := NewRetries(Budget{Elapsed: time.Hour, Idle: NoLimit, Attempts: NoLimit, Extension: 10 * time.Minute}, &counter{})
	for range 2 {
		r.Begin(0)
		for range 5 {
			r.Grant(3 * time.Minute)
		}
		end, ok := r.Deadline()
		assert.True(t, ok)
		assert.Equal(t, time.Hour+10*time.Minute, end)
		assert.Equal(t, RefusedNot, r.Refuse(end-1))
		assert.Equal(t, RefusedElapsed, r.Refuse(end))
		r.Renew()
	}
	r = NewRetries(Budget{Elapsed: math.MaxInt64, Idle: NoLimit, Attempts: NoLimit, Extension: NoLimit}, &counter{})
	r.Begin(0)
	for range 3 {
		r.Grant(math.MaxInt64)
	}
	r.Grant(-time.Hour)
	end, ok := r.Deadline()
	assert.True(t, ok)
	assert.EqualValues(t, math.MaxInt64, end)
}

// TestDecideRejected: credentials that were rejected are final when there are no
// others, or when too many were.
func TestDecideRejected(t *testing.T) {
	rejected := status.New(status.AudioAuthenticationRejected, nil)
	for name, c := range map[string]struct {
		st     status.Status
		r      Recovery
		budget int
		stop   bool
	}{
		"not said to be":        {rejected, Recovery{Renewable: true}, 5, true},
		"no others":             {rejected, Recovery{Rejected: true, Rejections: 1}, 5, true},
		"others":                {rejected, Recovery{Rejected: true, Rejections: 1, Renewable: true}, 5, false},
		"the last but one":      {rejected, Recovery{Rejected: true, Rejections: 4, Renewable: true}, 5, false},
		"the last":              {rejected, Recovery{Rejected: true, Rejections: 5, Renewable: true}, 5, true},
		"as many as one likes":  {rejected, Recovery{Rejected: true, Rejections: 500, Renewable: true}, NoLimit, false},
		"none":                  {rejected, Recovery{Rejected: true, Rejections: 1, Renewable: true}, 0, true},
		"without a code":        {status.New(status.TaskFailed, nil), Recovery{Rejected: true, Rejections: 1}, 5, false},
		"without one, the last": {status.New(status.TaskFailed, nil), Recovery{Rejected: true, Rejections: 5}, 5, true},
		"permanent":             {status.Status{Code: status.TaskFailed, Permanent: true}, Recovery{Rejected: true, Rejections: 1, Renewable: true}, 5, true},
		"another final one":     {status.New(status.MeetingEnded, nil), Recovery{Rejected: true, Rejections: 1, Renewable: true}, 5, true},
	} {
		p := Default()
		p.Budget.Rejections = c.budget
		r := NewRetries(p.Budget, &counter{})
		d := Decide(&p, Facts{Phase: Failed, Status: c.st, Recovery: c.r}, &r, 0)
		assert.Equal(t, c.stop, d.Action == Stop, name)
		if name == "without one, the last" {
			assert.Equal(t, status.AudioAuthenticationRejected, d.Status.Code)
			assert.ErrorIs(t, d.Status, status.TaskFailed)
		}
	}
}

func TestRefundAndCalm(t *testing.T) {
	r := NewRetries(Budget{Elapsed: NoLimit, Idle: NoLimit, Attempts: 2}, &counter{})
	r.Attempt()
	r.Attempt()
	assert.Equal(t, RefusedAttempts, r.Refuse(0))
	r.Refund()
	assert.Equal(t, RefusedNot, r.Refuse(0))
	r.Refund()
	r.Refund()
	assert.Zero(t, r.Attempts(), "never less than none")
	bo := &FullJitter{Short: time.Second, Long: 5 * time.Second, Random: func() float64 { return 0.999 }}
	r = NewRetries(Budget{Elapsed: time.Hour, Idle: NoLimit, Attempts: NoLimit}, bo)
	r.Begin(0)
	first, _ := r.Delay()
	second, _ := r.Delay()
	r.Calm()
	again, _ := r.Delay()
	assert.Less(t, first, second)
	assert.Equal(t, first, again)
	assert.Equal(t, time.Minute, r.Elapsed(time.Minute), "the clocks run on")
}
