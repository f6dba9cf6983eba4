package session_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/policy/status"
)

// vectorCase is one recorded run of handle_status.json: a script, and what the
// recorded controller told its observers since the script's last mark.
type vectorCase struct {
	Name    string
	Code    string // of a family case: what $code stands for
	Options vectorOptions
	Script  []vectorStep

	Callbacks          []string
	FinalState         string
	IsSessionConnected bool
	RetryFired         int
}

// vectorOptions are the settings of a run, with the defaults put in.
type vectorOptions struct {
	DelaysMs                  []float64
	ReconnectTimeoutMs        *float64
	AttendeePresenceTimeoutMs float64
}

func (o vectorOptions) budget() time.Duration   { return vectorMs(*o.ReconnectTimeoutMs) }
func (o vectorOptions) presence() time.Duration { return vectorMs(o.AttendeePresenceTimeoutMs) }

// delay is the n-th scripted backoff since the last reset.
func (o vectorOptions) delay(n int) time.Duration {
	return vectorMs(o.DelaysMs[n%len(o.DelaysMs)])
}

func vectorMs(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// vectorStep is one step of a script. Which fields count depends on Do.
type vectorStep struct {
	Do         string
	Ms         float64
	Type       string
	Count      int
	Code       json.RawMessage // a name, a close code, or null
	Set        map[string]string
	ErrorFirst bool
	OffsetMs   float64

	Kind      string // of a frame, as are all below
	FrameType string
	Status    int
	WithBody  bool
}

// String writes the step for a failure message.
func (s vectorStep) String() string {
	out := s.Do
	for _, part := range []string{s.Type, s.Kind, s.FrameType, string(s.Code)} {
		if part != "" {
			out += " " + part
		}
	}
	for _, n := range []float64{s.Ms, s.OffsetMs, float64(s.Status), float64(s.Count)} {
		if n != 0 {
			out += fmt.Sprintf(" %v", n)
		}
	}
	if s.Set != nil {
		out += fmt.Sprintf(" %v", s.Set)
	}
	return out
}

// vectorFamily is a script with a gap that is filled with each status code.
type vectorFamily struct {
	Options vectorOptions
	Script  []vectorStep
}

// readHandleStatus reads every case of handle_status.json from the folder in
// the environment variable HOLDFAST_VECTORS, else from testdata.
func readHandleStatus(t *testing.T) (families, scenarios, random []vectorCase) {
	t.Helper()
	folder := os.Getenv("HOLDFAST_VECTORS")
	if folder == "" {
		folder = "testdata"
	}
	data, err := os.ReadFile(filepath.Join(folder, "handle_status.json"))
	require.NoError(t, err)
	var file struct {
		DefaultDelaysMs           []float64
		DefaultReconnectTimeoutMs float64
		Families                  map[string]vectorFamily
		Scenarios                 []vectorCase
		Random                    []vectorCase
	}
	require.NoError(t, json.Unmarshal(data, &file))
	var parts map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(data, &parts))
	for name, family := range file.Families {
		var cases []vectorCase
		require.NoError(t, json.Unmarshal(parts["family_"+name], &cases), name)
		require.NotEmpty(t, cases, name)
		for _, c := range cases {
			families = append(families, family.fill(name, c))
		}
	}
	slices.SortFunc(families, func(a, b vectorCase) int { return strings.Compare(a.Name, b.Name) })
	all := [][]vectorCase{families, file.Scenarios, file.Random}
	for _, cases := range all {
		for i := range cases {
			cases[i].Options.fill(file.DefaultDelaysMs, file.DefaultReconnectTimeoutMs)
		}
	}
	return families, file.Scenarios, file.Random
}

// fill puts the code of a case into the script of its family.
func (f vectorFamily) fill(name string, c vectorCase) vectorCase {
	c.Name = name + " " + c.Code
	c.Options = f.Options
	c.Script = slices.Clone(f.Script)
	for i, s := range c.Script {
		if string(s.Code) == `"$code"` {
			c.Script[i].Code = json.RawMessage(fmt.Sprintf("%q", c.Code))
		}
	}
	return c
}

func (o *vectorOptions) fill(delays []float64, timeout float64) {
	if len(o.DelaysMs) == 0 {
		o.DelaysMs = delays
	}
	if o.ReconnectTimeoutMs == nil {
		o.ReconnectTimeoutMs = &timeout
	}
}

// statusCode is the status in a step, nil for null.
func (s vectorStep) statusCode() (*status.Code, error) {
	var name *string
	if err := json.Unmarshal(s.Code, &name); err != nil || name == nil {
		return nil, err
	}
	code, err := status.Parse(*name)
	return &code, err
}

// frame is the frame in a step.
func (s vectorStep) frame() (status.Frame, error) {
	switch s.Kind {
	case "audioStatus":
		return status.Frame{Type: status.FrameAudioStatus, HasAudioStatus: true, AudioStatus: s.Status}, nil
	case "error":
		kind, err := status.ParseFrameType(s.FrameType)
		return status.Frame{Type: kind, ErrorStatus: s.Status, NoJoinBody: kind == status.FrameJoinAck && !s.WithBody}, err
	case "joinAckWithoutBody":
		return status.Frame{Type: status.FrameJoinAck, NoJoinBody: true}, nil
	case "primaryMeetingLeave":
		return status.Frame{Type: status.FramePrimaryMeetingLeave}, nil
	}
	return status.Frame{}, fmt.Errorf("unknown kind of frame %q", s.Kind)
}

// behaviour is how the scripted server treats its client.
type behaviour struct {
	open, join, subscribe, leave, pong, ice, closing, presence, media string
}

func newBehaviour() behaviour {
	return behaviour{"ok", "ok", "ok", "ok", "ok", "ok", "ok", "ok", "ok"}
}

func (b *behaviour) set(changes map[string]string) error {
	fields := map[string]*string{
		"open": &b.open, "join": &b.join, "subscribe": &b.subscribe, "leave": &b.leave, "pong": &b.pong,
		"ice": &b.ice, "close": &b.closing, "presence": &b.presence, "media": &b.media,
	}
	for name, value := range changes {
		field, ok := fields[name]
		if !ok {
			return fmt.Errorf("unknown server behaviour %q", name)
		}
		*field = value
	}
	return nil
}

// player performs the steps of a script: the real session does, and so do the
// models that predict what it and the recorded controller tell.
type player interface {
	start()
	stop()
	report(status.Code)
	transformFailure()
	update()
	promote()
	setServer(map[string]string) error
	failGathering(*status.Code)
	closeSocket(code int, errorFirst bool)
	frame(status.Frame)
	answerJoin()
	setLastActive(ago time.Duration)

	wait(time.Duration)
	mark()
	// count says how often something has happened since the mark.
	count(what string) (int, error)
	connected() bool
}

const (
	scriptPoll     = 10 * time.Millisecond
	scriptPatience = 300 * time.Second
	afterConnect   = 500 * time.Millisecond
)

// play performs a script.
func play(p player, script []vectorStep) error {
	for i, s := range script {
		if err := playStep(p, s); err != nil {
			return fmt.Errorf("step %d (%s): %w", i, s.Do, err)
		}
	}
	return nil
}

func playStep(p player, s vectorStep) error {
	switch s.Do {
	case "start":
		p.start()
	case "stop":
		p.stop()
	case "connect":
		p.start()
		await(p, p.connected)
		p.wait(afterConnect)
	case "mark":
		p.mark()
	case "wait":
		p.wait(vectorMs(s.Ms))
	case "waitFor":
		return playWaitFor(p, s)
	case "server":
		return p.setServer(s.Set)
	case "update":
		p.update()
	case "promote":
		p.promote()
	case "transformFailure":
		p.transformFailure()
	case "answerJoin":
		p.answerJoin()
	case "setLastActive":
		p.setLastActive(-vectorMs(s.OffsetMs))
	default:
		return playCoded(p, s)
	}
	return nil
}

// playCoded performs the steps that carry a code or a frame.
func playCoded(p player, s vectorStep) error {
	switch s.Do {
	case "report", "failGathering":
		code, err := s.statusCode()
		switch {
		case err != nil:
			return err
		case s.Do == "failGathering":
			p.failGathering(code)
		default:
			p.report(*code)
		}
		return nil
	case "closeSocket":
		var code int
		err := json.Unmarshal(s.Code, &code)
		p.closeSocket(code, s.ErrorFirst)
		return err
	case "frame":
		f, err := s.frame()
		p.frame(f)
		return err
	}
	return fmt.Errorf("unknown step %q", s.Do)
}

func playWaitFor(p player, s vectorStep) error {
	if _, err := p.count(s.Type); err != nil {
		return err
	}
	await(p, func() bool {
		n, _ := p.count(s.Type)
		return n >= max(s.Count, 1)
	})
	return nil
}

// await polls, as the recording did, and gives up after a while.
func await(p player, done func() bool) {
	for waited := time.Duration(0); !done() && waited < scriptPatience; waited += scriptPoll {
		p.wait(scriptPoll)
	}
}

// judgedStatus is the log's entry for a status that was judged.
const judgedStatus = "statusHandled"

// outcome is what a run comes to, in terms that can be compared.
type outcome struct {
	Callbacks []string // since the last mark, named as in the recording
	Stopped   bool     // the end state; else connected, or still at it
	Connected bool
	Retried   bool // a retry has started an attempt since the mark
}

func (c vectorCase) recorded() outcome {
	return outcome{
		Callbacks: c.Callbacks,
		Stopped:   c.FinalState == "NotConnected",
		Connected: c.FinalState == "Connected" && c.IsSessionConnected,
		Retried:   c.RetryFired > 0,
	}
}

func (o outcome) equal(other outcome) bool {
	return slices.Equal(o.Callbacks, other.Callbacks) && o.Stopped == other.Stopped &&
		o.Connected == other.Connected && o.Retried == other.Retried
}

func (o outcome) String() string {
	end := "neither connected nor stopped"
	switch {
	case o.Stopped:
		end = "stopped"
	case o.Connected:
		end = "connected"
	}
	return fmt.Sprintf("%s; %s; retried: %t", strings.Join(o.Callbacks, " "), end, o.Retried)
}

// The recording's names of what observers are told.
const (
	didStart     = "audioVideoDidStart"
	didPoor      = "connectionDidBecomePoor"
	didGood      = "connectionDidBecomeGood"
	didSuggest   = "connectionDidSuggestStopVideo"
	didViewOnly  = "videoSendDidBecomeUnavailable"
	didConnect   = "audioVideoDidStartConnecting(false)"
	didReconnect = "audioVideoDidStartConnecting(true)"
)

func didStop(c status.Code) string { return fmt.Sprintf("audioVideoDidStop(%s)", c.String()) }
func didDemote(c status.Code) string {
	return fmt.Sprintf("audioVideoWasDemotedFromPrimaryMeeting(%s)", c.String())
}

// Rules of divergence that have no number of their own.
const (
	// ruleBudget: the clock of the budget begins at the loss and not with the
	// first attempt, and the running attempt ends with it (G9).
	ruleBudget = "budget"
	// ruleClosed: a lost link is closed at the loss, so nothing that the server
	// sends on it in the delay is heard, and nothing is negotiated on it. The
	// recorded client keeps it until the retry.
	ruleClosed = "closed at the loss"
)
