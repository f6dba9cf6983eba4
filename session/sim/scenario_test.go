package sim

import (
	"context"
	"errors"
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
