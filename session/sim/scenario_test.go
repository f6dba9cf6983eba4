package sim

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/session"
)

// TestValidate: everything that is wrong is said, by the name of its field.
func TestValidate(t *testing.T) {
	assert.NoError(t, Scenario{Clients: 1}.Validate())
	assert.NoError(t, weather(1).Validate())
	bad := policy.Default()
	bad.Budget.Idle = 0
	for field, s := range map[string]Scenario{
		"Clients is 0":                   {},
		"Clients is 10000001":            {Clients: maxClients + 1},
		"For is":                         {For: -1},
		"too long for 100 servers":       {For: 7 * 24 * time.Hour, Servers: make([]Server, 100)},
		"Servers has 1001":               {Servers: make([]Server, 1001)},
		"Faults[0].Silent":               {Faults: []Fault{Outage{For: 1, Silent: true, CloseCode: 1001}}},
		"Faults[0].Answer":               {Faults: []Fault{Outage{For: 1, Answer: 200}}},
		"Step is 150ms":                  {Step: 150 * time.Millisecond},
		"Workers is -1":                  {Workers: -1},
		"Budget.Idle":                    {Client: session.Config{Policy: &bad}},
		"Config.ConnectTimeout":          {Client: session.Config{ConnectTimeout: -1}},
		"Client.Endpoints[0]":            {Client: session.Config{Endpoints: []string{"x"}}},
		"Network.Loss":                   {Network: Network{Loss: 1.5}},
		"Network.Away":                   {Network: Network{Away: -1}},
		"Network.Deaths.Told":            {Network: Network{Deaths: Deaths{Told: -1}}},
		"Network.Deaths.Media":           {Network: Network{Deaths: Deaths{Media: -1}}},
		"Network.Offline.PerHour":        {Network: Network{Offline: Absence{PerHour: 1e9}}},
		"Network.SampleEvery":            {Network: Network{SampleEvery: 1}},
		"Servers[0].JoinsPerSecond":      {Servers: []Server{{JoinsPerSecond: -1}}},
		"Servers[0].Handshakes":          {Servers: []Server{{Handshakes: -1}}},
		"Servers[0].Overload":            {Servers: []Server{{Overload: 7}}},
		"Servers[0].RefuseWith":          {Servers: []Server{{RefuseWith: 200}}},
		"Servers[0].RefusalCost":         {Servers: []Server{{RefusalCost: 2}}},
		"Servers[0].RetryAfter.Ticket":   {Servers: []Server{{RetryAfter: RetryAfter{Ticket: true}}}},
		"Servers[0].RetryAfter.Constant": {Servers: []Server{{RetryAfter: RetryAfter{Constant: -1}}}},
		"Servers[1].Name":                {Servers: []Server{{Name: "server-2"}, {}}},
		"Share of each":                  {Servers: []Server{{Share: -1}}},
		"Faults[0] is nil":               {Faults: []Fault{nil}},
		"Faults[0].At":                   {Faults: []Fault{Outage{At: -1, For: 1}}},
		"Faults[0].For":                  {Faults: []Fault{BlackHole{}}},
		"Faults[0].CloseCode":            {Faults: []Fault{Outage{For: 1, CloseCode: 3}}},
		"Faults[0].Server":               {Faults: []Fault{Drain{For: 1, Server: "x"}}},
		"Faults[0].MoveTo":               {Faults: []Fault{Drain{For: 1, MoveTo: "x"}}},
		"MoveTo is the server itself":    {Faults: []Fault{Drain{For: 1, Server: "server-1", MoveTo: "server-1"}}},
		"Faults[0].Status":               {Faults: []Fault{Refusals{For: 1, Status: 99}}},
		"Faults[0].RetryAfter.Constant":  {Faults: []Fault{Refusals{For: 1, RetryAfter: RetryAfter{Constant: -1}}}},
		"Faults[0].Share":                {Faults: []Fault{Offline{For: 1, Share: 2}}},
		"Faults[0].Server is \"y\"":      {Faults: []Fault{&Outage{For: 1, Server: "y"}}},
		"Faults[1].For":                  {Faults: []Fault{Restart{}, Restart{For: -1}}},
		"OpenLoop.Detect":                {OpenLoop: &Schedule{Detect: -1}},
		"OpenLoop.MaxElapsed":            {OpenLoop: &Schedule{MaxElapsed: -1}},
		"OpenLoop.MaxAttempts":           {OpenLoop: &Schedule{MaxAttempts: -1}},
		"OpenLoop.AttemptTimeout":        {OpenLoop: &Schedule{AttemptTimeout: -1}},
		"OpenLoop.Delays[0].Min":         {OpenLoop: &Schedule{Delays: []Delay{{Min: -1}}}},
	} {
		if s.Clients == 0 && field != "Clients is 0" {
			s.Clients = 1
		}
		_, err := Run(context.Background(), s)
		assert.ErrorContains(t, err, field)
	}
}

// TestValidateBounds: numbers that nothing can be reckoned with are refused, by the
// name of their field and nothing else.
func TestValidateBounds(t *testing.T) {
	const far = time.Duration(math.MaxInt64)
	server := func(s Server) Scenario { return Scenario{Servers: []Server{s}} }
	fault := func(f Fault) Scenario { return Scenario{Faults: []Fault{f}} }
	for name, tt := range map[string]struct {
		field string
		s     Scenario
	}{
		"a resume that costs no number":     {"Servers[0].ResumeCost is NaN", server(Server{ResumeCost: math.NaN()})},
		"a resume that never ends":          {"Servers[0].ResumeCost is 1e+300", server(Server{ResumeCost: 1e300})},
		"a restart of media that costs Inf": {"Servers[0].RestartCost is +Inf", server(Server{RestartCost: math.Inf(1)})},
		"a refusal that costs no number":    {"Servers[0].RefusalCost is NaN", server(Server{RefusalCost: math.NaN()})},
		"a join in 30,000 years":            {"Servers[0].JoinsPerSecond is 1e-12", server(Server{JoinsPerSecond: 1e-12})},
		"no number of joins":                {"Servers[0].JoinsPerSecond is NaN", server(Server{JoinsPerSecond: math.NaN()})},
		"a share that is none":              {"Servers[0].Share is NaN", server(Server{Share: math.NaN()})},
		"all of the world":                  {"Servers[0].Share is +Inf", server(Server{Share: math.Inf(1)})},
		"a pause for ever":                  {"Servers[0].RetryAfter.Constant", server(Server{RetryAfter: RetryAfter{Constant: far}})},
		"a network to the stars":            {"Network.Latency gives", Scenario{Network: Network{Latency: Between(far, far)}}},
		"other servers beyond them":         {"Network.Away", Scenario{Network: Network{Away: far}}},
		"one point":                         {"Step is", Scenario{Step: far / binWidth * binWidth}},
		"a goroutine for each byte":         {"Workers is", Scenario{Workers: math.MaxInt}},
		"attempts in a moment":              {"OpenLoop.AttemptTimeout is 1µs", Scenario{OpenLoop: &Schedule{AttemptTimeout: time.Microsecond}}},
		"a fault for ever":                  {"Faults[0].For is 2562047h47m16.854775807s", fault(Restart{At: 5 * time.Second, For: far})},
		"a fault past the bound":            {"Faults[0].For is 1m0.000000001s", fault(Offline{At: maxFor - time.Minute, For: time.Minute + 1})},
		"a fault in the far future":         {"Faults[0].At is 2562047h47m16.854775807s", fault(BlackHole{At: far, For: far})},
		"a fault in the far past":           {"Faults[0].At is -2562047h47m16.854775808s", fault(Drain{At: math.MinInt64, For: 1})},
		"a fault after the end":             {"Faults[0].At is 1m0s: the scenario is over", Scenario{For: time.Minute, Faults: []Fault{Restart{At: time.Minute}}}},
		"a nil Restart":                     {"Faults[0] is nil", fault((*Restart)(nil))},
		"a nil Offline":                     {"Faults[0] is nil", fault((*Offline)(nil))},
		"refusals for ever":                 {"Faults[0].RetryAfter.Constant", fault(Refusals{For: 1, RetryAfter: RetryAfter{Constant: far}})},
		"tickets for no places":             {`Faults[0].RetryAfter.Ticket needs a JoinsPerSecond of server "server-1"`, fault(&Refusals{For: 1, RetryAfter: RetryAfter{Ticket: true}})},
	} {
		tt.s.Clients = 1
		_, err := Run(context.Background(), tt.s)
		if assert.ErrorContains(t, err, "sim: "+tt.field, name) && !strings.Contains(name, "far future") {
			assert.NotContains(t, err.Error(), "\n", name)
		}
	}
}

// TestValidateTakesTheBounds themselves, and tickets where they are kept.
func TestValidateTakesTheBounds(t *testing.T) {
	for name, s := range map[string]Scenario{
		"costs":    {Servers: []Server{{JoinsPerSecond: 0.001, ResumeCost: 1000, RestartCost: math.Inf(-1), Share: 1e9}}},
		"a ticket": {Servers: []Server{{}, {JoinsPerSecond: 1}}, Faults: []Fault{Refusals{Server: "server-2", For: 1, RetryAfter: RetryAfter{Ticket: true}}}},
		"a fault":  {Faults: []Fault{Outage{At: maxFor - 1, For: 1}}},
		"delays":   {Network: Network{Latency: Always(time.Minute), Away: time.Minute, SampleEvery: math.MaxInt64}},
		"patience": {OpenLoop: &Schedule{Detect: math.MaxInt64, MaxElapsed: math.MaxInt64, AttemptTimeout: math.MaxInt64}},
	} {
		s.Clients = 1
		assert.NoError(t, s.Validate(), name)
		assert.LessOrEqual(t, s.Effective().For, maxFor, name)
	}
}

// TestNoContext is an error that says so.
func TestNoContext(t *testing.T) {
	var none context.Context
	_, err := Run(none, Scenario{Clients: 1})
	assert.ErrorContains(t, err, "needs a context")
}

func TestDefaults(t *testing.T) {
	e := Scenario{Clients: 1, Faults: []Fault{Restart{At: time.Minute}}}.Effective()
	assert.Equal(t, 4*time.Minute+5*time.Second, e.For)
	assert.Equal(t, time.Second, e.Step)
	assert.Positive(t, e.Workers)
	assert.Equal(t, "server-1", e.Servers[0].Name)
	assert.Equal(t, e.Servers, e.Effective().Servers)
	server := Scenario{Servers: []Server{{JoinsPerSecond: 50, ResumeCost: -1}}}.Effective().Servers[0]
	assert.Equal(t, Server{
		Name: "server-1", Share: 1, JoinsPerSecond: 50, Queue: 50, RefuseWith: 503, RestartCost: 0.1, ResumeFor: 30 * time.Second,
	}, server)
}

// TestCancel: the end of the context ends the run with its cause.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	s, why := storm(20), errors.New("enough")
	var last Progress
	s.Progress = func(p Progress) {
		if last = p; p.At >= 10*time.Second {
			cancel(why)
		}
	}
	r, err := Run(ctx, s)
	assert.ErrorIs(t, err, why)
	assert.Nil(t, r)
	assert.Equal(t, 10*time.Second, last.At)
	assert.Zero(t, last.Connected)
	_, err = Run(ctx, s)
	assert.ErrorIs(t, err, why, "before it begins, too")
}

// TestCancelWithinAWindow: the end of the context is noticed in the midst of a window,
// which is as long as the way to the server, and by a client that never pauses.
func TestCancelWithinAWindow(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var calls atomic.Int64
	_, err := Run(ctx, Scenario{
		Clients: 50, Network: Network{Latency: Always(time.Minute)}, For: time.Hour,
		Faults: []Fault{Outage{At: time.Second, For: time.Hour, Answer: 502, CloseCode: 1001}},
		OpenLoop: &Schedule{AttemptTimeout: time.Millisecond, Delay: func(int, float64) time.Duration {
			if calls.Add(1) == 1000 {
				cancel()
			}
			return 0
		}},
	})
	assert.ErrorIs(t, err, context.Canceled)
	assert.Less(t, calls.Load(), int64(2_000_000), "a window has six million")
}

// TestProgress tells what the series has.
func TestProgress(t *testing.T) {
	s := storm(50)
	var told []float64
	s.Progress = func(p Progress) {
		assert.Equal(t, time.Duration(len(told)+1)*time.Second, p.At)
		assert.Equal(t, 2*time.Minute, p.For)
		told = append(told, p.Connected)
	}
	r := run(t, s)
	require.Len(t, told, 120)
	for i, share := range told {
		assert.InDelta(t, float64(r.Series[i+1].Connected)/50, share, 1e-9, i)
	}
}

// TestHopelessSettings: a session that never gets anywhere is an error, not a result.
func TestHopelessSettings(t *testing.T) {
	_, err := Run(context.Background(), Scenario{Clients: 1, Client: session.Config{ConnectTimeout: time.Millisecond}})
	assert.ErrorIs(t, err, errNotConnected)
}
