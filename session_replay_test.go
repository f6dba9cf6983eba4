package holdfast_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// short records a short life: connected, lost, recovered, left.
func short(t *testing.T, recorder *session.Recorder) {
	t.Helper()
	var tr sessiontest.Transport
	s := start(t, session.Config{Name: "short", Transport: &tr, Recorder: recorder})
	samples(&tr, 3, sec)
	tr.Closed(sessiontest.Newest, status.LayerSignaling, errors.New("reset by peer"))
	time.Sleep(20 * sec)
	samples(&tr, 3, sec)
	s.Stop()
	<-s.Done()
}

// recordingOf is such a recording.
func recordingOf(t *testing.T, ring bool) (recording []byte) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var text file
		if ring {
			recorder := session.NewRing(0)
			short(t, recorder)
			_, err := recorder.WriteTo(&text)
			require.NoError(t, err)
		} else {
			short(t, session.NewRecorder(&text))
		}
		recording = text.bytes()
	})
	require.NoError(t, replay(recording).err)
	return recording
}

// TestReplaySteps: what a step says.
func TestReplaySteps(t *testing.T) {
	recording := recordingOf(t, false)
	var words []string
	number := 0
	var began time.Time
	for step, err := range session.Replay(bytes.NewReader(recording)) {
		require.NoError(t, err)
		number++
		require.Equal(t, number, step.Line)
		if step.Recording != nil {
			assert.Equal(t, "short", step.Recording.Session)
			assert.Equal(t, 1, step.Recording.Version)
			assert.False(t, step.Recording.Ring)
			assert.NotEmpty(t, step.Recording.Go)
			continue
		}
		if began.IsZero() {
			began = step.Time
		}
		assert.Equal(t, began.Add(step.Elapsed), step.Time)
		words = append(words, step.Input)
		for _, e := range step.Events {
			assert.Equal(t, step.Elapsed, e.Head().Elapsed)
			assert.Contains(t, step.Effects, e.Name())
			assert.True(t, e.Head().Time.Equal(step.Time))
		}
	}
	text := strings.Join(words, "\n")
	assert.Contains(t, text, "start\nopened, link 1\n")
	assert.Contains(t, text, "sample, link 1, received 50, loss 0, sent absent, 0 bytes, 0 STUN")
	assert.Contains(t, text, "link-closed, link 1, signaling, without a reason, OK: reset by peer")
	assert.Contains(t, text, "stop, Left")
	for step, err := range session.Replay(bytes.NewReader(recording)) {
		require.NoError(t, err)
		if step.Line == 5 {
			break // no more is read than is wanted
		}
	}
}

// A recording that is cut off anywhere is replayed up to there, and then says where.
func TestReplayOfTheBeginning(t *testing.T) {
	for _, ring := range []bool{false, true} {
		recording := recordingOf(t, ring)
		for n := 0; n < len(recording); n += 5 {
			cut := recording[:n]
			whole := bytes.Count(cut, []byte("\n"))
			r := replay(cut)
			switch {
			case n == 0:
				require.EqualError(t, r.err, "session: replay: line 1: there is no recording: nothing was written")
				continue
			case cut[n-1] == '\n', recording[n] == '\n': // which is all that is missing
				require.NoError(t, r.err, "%d", n)
				continue
			}
			var broken *session.RecordingError
			require.ErrorAs(t, r.err, &broken, "%d", n)
			require.Equal(t, whole+1, broken.Line)
			require.EqualError(t, r.err, fmt.Sprintf("session: replay: line %d: the recording is cut off in the middle of this line", whole+1))
			require.Equal(t, whole, r.recordings+r.inputs+r.checkpoints)
		}
	}
}

// A recording that is damaged anywhere never panics, and what is not taken says which
// line is damaged, or differs.
func TestReplayOfDamage(t *testing.T) {
	for _, ring := range []bool{false, true} {
		recording := recordingOf(t, ring)
		found := map[string]int{}
		for i := 0; i < len(recording); i += 31 {
			for _, c := range []byte{'0', '9', '}', '"', '\n', 'x', 0xff} {
				damaged := bytes.Clone(recording)
				damaged[i] = c
				err := replay(damaged).err
				var broken *session.RecordingError
				var differs *session.DifferenceError
				switch {
				case err == nil:
					found["none"]++
				case errors.As(err, &broken):
					found["broken"]++
					require.Positive(t, broken.Line)
				case errors.As(err, &differs):
					found["differs"]++
					require.Contains(t, err.Error(), fmt.Sprintf("line %d, ", differs.Line))
				default:
					t.Fatal(err)
				}
			}
		}
		t.Log(found)
		assert.Greater(t, found["broken"], found["none"])
		assert.NotZero(t, found["differs"])
	}
}

func TestReplayErrors(t *testing.T) {
	const (
		noRecording = `line 1: this is no recording: it must begin with a line that has "holdfast"`
		// newForm is of a version that has nothing else in common with this one.
		newForm = `{"session":{"id":1},"library":["v9"],"at":"now","input":[],"answers":{},"effects":7,"gap":"none","holdfast":"recording","version":2}` + "\n"
	)
	recording := recordingOf(t, false)
	all := lines(recording)
	ring := lines(recordingOf(t, true))
	edit := func(l []string, line int, from, to string) string {
		l = append([]string{}, l...)
		require.Contains(t, l[line-1], from)
		l[line-1] = strings.Replace(l[line-1], from, to, 1)
		return strings.Join(l, "")
	}
	for name, tt := range map[string]struct{ text, want string }{
		"another file":             {"hello\n", noRecording},
		"a word":                   {"hello", noRecording},
		"a list":                   {"[1]\n", noRecording},
		"JSON of many lines":       {"{\n  \"a\": 1\n}\n", noRecording},
		"binary data":              {"\x1f\x8b\x08\n\x00", noRecording},
		"a damaged first line":     {edit(all, 1, `"version":1`, `"version":1x`), "line 1: the line is damaged: invalid character 'x'"},
		"another form":             {edit(all, 1, `"session":"short"`, `"session":{"name":"short"}`), "line 1: the line is damaged: json: cannot unmarshal object"},
		"another JSON":             {"{}\n", noRecording},
		"another kind":             {`{"holdfast":"cookbook"}`, `line 1: this is no recording but a "cookbook"`},
		"blank lines":              {"\n\n  \n", "line 1: there is no recording"},
		"a newer version":          {edit(all, 1, `"version":1`, `"version":2`), "line 1: the recording has version 2 of the format, this library reads up to 1: use a newer one"},
		"a newer form":             {newForm, "line 1: the recording has version 2 of the format, this library reads up to 1: use a newer one"},
		"a newer form behind it":   {string(recording) + newForm, fmt.Sprintf("line %d: the recording has version 2 of the format", len(all)+1)},
		"no version":               {edit(all, 1, `"version":1`, `"version":0`), "line 1: there is no version 0"},
		"a field too much":         {edit(all, 1, `"config":{`, `"config":{"Future":1,`), `line 1: the config cannot be used: Config has no field "Future"`},
		"a config that is refused": {edit(all, 1, `"ConnectTimeout":15000000000`, `"ConnectTimeout":-1`), "line 1: the config cannot be used: ConnectTimeout is -1ns"},
		"no start":                 {strings.Join(all[1:], ""), "line 1: this is no recording"},
		"a kind that is new":       {edit(all, 3, `"input"`, `"output"`), "line 3: a line of a kind that is not known"},
		"an input that is new":     {edit(all, 2, `"kind":"start"`, `"kind":"dream"`), `line 2: the line is damaged: machine: unknown input "dream"`},
		"a time":                   {edit(all, 3, `"mono":`, `"mono":-1`), "line 3: the time is out of range"},
		"a gap and no checkpoint":  {strings.Join(append(append([]string{}, all[:3]...), append([]string{"{\"gap\":2}\n"}, all[5:]...)...), ""), "line 5: after a gap, a checkpoint is missing"},
		"a long line":              {all[0] + strings.Repeat("x", 2<<20), "line 2: the line is longer than 1048576 bytes"},
		"another state":            {edit(ring, 1, `"state":"`, `"state":"x`), "line 2: the checkpoint is of a version of the library"},
		"a bad checkpoint":         {edit(ring, 2, `"checkpoint":{`, `"checkpoint":{"nonsense":1,`), `line 2: the checkpoint is damaged: Machine has no field "nonsense"`},
	} {
		t.Run(name, func(t *testing.T) {
			assert.ErrorContains(t, replay([]byte(tt.text)).err, "session: replay: "+tt.want)
		})
	}
	for step, err := range session.Replay(io.MultiReader(bytes.NewReader(recording), iotest.ErrReader(os.ErrClosed))) {
		if step.Line == len(all)+1 {
			assert.ErrorIs(t, err, os.ErrClosed)
		}
	}
}

// Without a reader there is no recording, which is said and does not panic.
func TestReplayOfNothing(t *testing.T) {
	n := 0
	for step, err := range session.Replay(nil) {
		n++
		var broken *session.RecordingError
		require.ErrorAs(t, err, &broken)
		assert.EqualError(t, err, "session: replay: line 1: there is no recording: Replay was given a nil io.Reader")
		assert.Equal(t, session.Step{Line: 1}, step)
	}
	assert.Equal(t, 1, n)
}

// A line is not taken for the first of a recording because a text in it reads like
// what that begins with.
func TestReplayOfATextLikeTheFormat(t *testing.T) {
	all := string(recordingOf(t, false))
	require.Contains(t, all, `"cause":"reset by peer"`)
	all = strings.Replace(all, `"cause":"reset by peer"`, `"cause":"holdfast"`, 1)
	var differs *session.DifferenceError
	r := replay([]byte(all))
	require.ErrorAs(t, r.err, &differs, "of which the cause is another one, but which is read")
	assert.Equal(t, 1, r.recordings)
}

// What differs is told with its line, what was expected and what was got; the replay
// goes on.
func TestReplayDifferences(t *testing.T) {
	all := lines(recordingOf(t, false))
	var lossAt int
	for i, l := range all {
		if strings.Contains(l, `"kind":"link-closed"`) {
			lossAt = i
		}
	}
	due := regexp.MustCompile(`"answers":\[\{"to":"random","number":[0-9.e-]+\}\]`)
	var dueAt int
	for i, l := range all {
		if due.MatchString(l) {
			dueAt = i
		}
	}
	with := func(line int, change func(string) string) string {
		l := append([]string{}, all...)
		l[line] = change(l[line])
		require.NotEqual(t, all[line], l[line])
		return strings.Join(l, "")
	}
	replace := func(from, to string) func(string) string {
		return func(l string) string { return strings.Replace(l, from, to, 1) }
	}
	for name, tt := range map[string]struct {
		text, detail string
		line         int
	}{
		"an input": {with(lossAt, replace(`"bare":true`, `"bare":false`)), "", lossAt + 1},
		"a name":   {with(lossAt, replace("Reconnecting:", "Recovered:")), "is another one", lossAt + 1},
		"a checksum": {with(lossAt, func(l string) string {
			return regexp.MustCompile(`Reconnecting:[0-9a-f]+`).ReplaceAllString(l, "Reconnecting:1")
		}), "Reconnecting, has other contents", lossAt + 1},
		"one effect less":     {with(lossAt, replace(`"effects":[`, `"effects":["probe:1",`)), "is another one", lossAt + 1},
		"no effects":          {with(lossAt, func(l string) string { return l[:strings.Index(l, `,"effects"`)] + "}\n" }), "instead of 0", lossAt + 1},
		"a number":            {with(dueAt, func(l string) string { return due.ReplaceAllString(l, `"answers":[{"to":"random","number":0.001}]`) }), "RetryScheduled, has other contents", dueAt + 1},
		"an answer too few":   {with(dueAt, func(l string) string { return due.ReplaceAllString(l, `"answers":[]`) }), "a random is asked for that was not", dueAt + 1},
		"an answer too many":  {with(lossAt, replace(`,"effects"`, `,"answers":[{"to":"delay"}],"effects"`)), "a delay was asked for when it was recorded", lossAt + 1},
		"a line that is gone": {with(lossAt, func(string) string { return "" }), "", lossAt + 1},
	} {
		t.Run(name, func(t *testing.T) {
			var differs *session.DifferenceError
			last := 0
			for step, err := range session.Replay(strings.NewReader(tt.text)) {
				if err != nil && differs == nil {
					require.ErrorAs(t, err, &differs)
					assert.Equal(t, step.Effects, differs.Got)
					assert.Equal(t, step.Line, differs.Line)
				}
				last = step.Line
			}
			require.NotNil(t, differs)
			assert.Equal(t, tt.line, differs.Line)
			assert.Contains(t, differs.Detail, tt.detail)
			assert.Contains(t, differs.Error(), differs.Detail)
			assert.GreaterOrEqual(t, last, len(all)-1, "it goes on")
		})
	}
}

// Several recordings may stand one after the other, as in a file that is appended to.
func TestReplayOfSeveral(t *testing.T) {
	r := replay(append(recordingOf(t, false), recordingOf(t, true)...))
	require.NoError(t, r.err)
	assert.Equal(t, 2, r.recordings)
	assert.Equal(t, 1, r.checkpoints)
}

// A recording may end before its session does.
func TestReplayOfAProcessThatDied(t *testing.T) {
	all := lines(recordingOf(t, false))
	r := replay([]byte(strings.Join(all[:len(all)-3], "")))
	require.NoError(t, r.err)
	assert.Equal(t, session.StateConnected, r.last.Snapshot.State)
}

// TestRecordingKeepsSecrets: no token that the session knows, no user, password,
// query or fragment of a URL is in a recording, wherever it comes from and however it
// is written; and what is hidden does not stand in the way of a replay (G14).
func TestRecordingKeepsSecrets(t *testing.T) {
	const (
		token    = "tok\"en/+ 1"
		promoted = "prömoted"
		own      = "app-secret"
	)
	parts := []string{token, promoted, own, "tok%22", `tok\"en`, "hunter2", "alice", "s3same", "fr4gment", "qu3ry", "bare-v4lue"}
	endpoints := []string{
		"wss://alice:hunter2@one.example/call?key=s3same&room=qu3ry#fr4gment", "wss://one.example/call?key=other-s3same",
		"two.example:443/path?bare-v4lue", "three",
	}
	says := fmt.Errorf("dial %s: token %s refused, also %q and %s; see %s", endpoints[0], token, token, url.QueryEscape(token), own)
	for name, recorder := range map[string]*session.Recorder{"stream": nil, "ring": session.NewRing(0), "small ring": session.NewRing(1)} {
		bubble(t, name, func(t *testing.T) {
			var text file
			if recorder == nil {
				recorder = session.NewRecorder(&text)
			}
			recorder.Hide(own)
			tr := sessiontest.Script(
				sessiontest.Fail(says), sessiontest.OK(), sessiontest.Fail(&url.Error{Op: "Get", URL: endpoints[0], Err: says}),
				sessiontest.Fail(status.Status{Code: status.AudioServiceUnavailable, Cause: says, Directive: &status.Directive{Endpoint: endpoints[1]}}),
				sessiontest.OK(),
			)
			tr.Link = sessiontest.Able()
			tr.Link.Promote = sessiontest.Fail(fmt.Errorf("%s is not known", promoted))
			var rec sessiontest.Recorder
			cfg := session.Config{
				Transport: tr, Recorder: recorder, Observers: []observer.Observer{&rec},
				EndpointSource: session.EndpointFunc(func(context.Context, session.EndpointRequest) ([]string, error) { return endpoints, nil }),
				Credentials: session.CredentialFunc(func(context.Context, session.CredentialRequest) (session.Credentials, error) {
					return session.Credentials{Attendee: "ada", Token: token, Expires: time.Now().Add(time.Minute)}, nil
				}),
			}
			cfg.Health.Custom = []health.CustomPolicy{{Name: "wordy", New: func() health.Policy { return gossip{token} }}}
			s := start(t, cfg)
			samples(tr, 30, sec)
			require.Error(t, s.Promote(t.Context(), session.Credentials{Token: promoted}))
			tr.Closed(sessiontest.Newest, status.LayerSignaling, says)
			time.Sleep(time.Minute)
			samples(tr, 100, sec)
			require.NoError(t, s.Reconnect(says))
			time.Sleep(time.Minute)
			s.StopWith(says)
			<-s.Done()
			require.Contains(t, told(t, rec.Events()), "hunter2", "the events have what the recording must not have")

			_, _ = recorder.WriteTo(&text)
			all := text.string()
			for _, part := range parts {
				assert.NotContains(t, all, part)
			}
			r := replay(text.bytes())
			require.NoError(t, r.err)
			assert.Contains(t, all, "one.example/call")
			assert.Contains(t, all, "[redacted]")
			if name != "small ring" {
				checkEndpoints(t, sessiontest.Of[observer.AttemptStarted](&rec), r.events)
				var found observer.EndpointsFound
				for _, e := range r.events {
					if e, ok := e.(observer.EndpointsFound); ok {
						found = e
					}
				}
				assert.Regexp(t, `^\[wss://~\w{12}@one.example/call\?key=~\w{12}&room=~\w{12}#~\w{12} wss://one.example/call\?key=~\w{12} two.example:443/path\?~\w{12} three\]$`, fmt.Sprint(found.Endpoints))
			}
		})
	}
}

// gossip is a health policy that tells secrets.
type gossip struct{ secret string }

func (gossip) Evaluate(time.Duration, *health.Data) (healthy, changed bool) { return true, true }
func (g gossip) Reason(*health.Data) string                                 { return "I know " + g.secret }

// checkEndpoints: endpoints that were equal are still, and others are not.
func checkEndpoints(t *testing.T, was []observer.AttemptStarted, events []observer.Event) {
	t.Helper()
	to, from, n := map[string]string{}, map[string]string{}, 0
	for _, e := range events {
		e, ok := e.(observer.AttemptStarted)
		if !ok {
			continue
		}
		before := was[n].Endpoint
		n++
		if known, ok := to[before]; ok {
			assert.Equal(t, known, e.Endpoint)
		}
		if known, ok := from[e.Endpoint]; ok {
			assert.Equal(t, known, before)
		}
		to[before], from[e.Endpoint] = e.Endpoint, before
	}
	assert.Len(t, was, n)
	assert.GreaterOrEqual(t, len(to), 2)
}
