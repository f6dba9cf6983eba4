package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/session/internal/image"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

const (
	// formatName and formatVersion begin a recording. The version grows when older
	// libraries could not read what is written.
	formatName    = "recording"
	formatVersion = 1
	// maxLine is the longest line that is written, and read.
	maxLine = 1 << 20
)

// formatLine is what the first line of a recording has in every version of the format.
type formatLine struct {
	Holdfast string `json:"holdfast"` // formatName
	Version  int    `json:"version"`
}

// headerLine is the first line of a recording.
type headerLine struct {
	formatLine
	Library string `json:"library,omitempty"` // the version of this module
	Go      string `json:"go"`
	// State is the layout of checkpoints.
	State      string          `json:"state"`
	Session    string          `json:"session,omitempty"`
	Ring       bool            `json:"ring,omitempty"`
	Config     json.RawMessage `json:"config"`
	OwnBackOff bool            `json:"ownBackOff,omitempty"`
}

// inputLine is one input and what it led to: the names and checksums of the effects.
type inputLine struct {
	At      machine.Instant  `json:"at"`
	Input   *machine.Input   `json:"input"`
	Answers []machine.Answer `json:"answers,omitempty"`
	Effects []string         `json:"effects,omitempty"`
	// Left says that plugged-in code has left the goroutine: the effects are those
	// of the next input.
	Left bool `json:"left,omitempty"`
}

// gapLine counts inputs that are missing, and checkpointLine is all that the session
// remembers.
type gapLine struct {
	Gap uint64 `json:"gap"`
}

type checkpointLine struct {
	Checkpoint json.RawMessage `json:"checkpoint"`
}

const module = "github.com/holdfast-go/holdfast"

// library is the version of this module that runs.
var library = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	if info.Main.Path == module {
		return info.Main.Version
	}
	for _, d := range info.Deps {
		if d.Path == module {
			return d.Version
		}
	}
	return ""
})

// header makes the first line for a config.
func header(cfg *machine.Config, hide image.Scrub, ring bool) ([]byte, error) {
	data, err := cfg.Image(hide)
	if err != nil {
		return nil, err
	}
	return jsonLine(headerLine{
		formatLine: formatLine{formatName, formatVersion}, Library: library(), Go: runtime.Version(),
		State: machine.Layout(), Session: cfg.Session, Ring: ring, Config: data,
		OwnBackOff: cfg.Policy.NewBackOff != nil,
	})
}

func jsonLine(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	return append(text, '\n'), err
}

var errYear = errors.New("the year cannot be written")

// appendInput writes the beginning of an inputLine. It does without package json for
// what comes many times a second.
func appendInput(b []byte, at machine.Instant, in *machine.Input, hide image.Scrub) ([]byte, error) {
	if y := at.Wall.Year(); y < 0 || y > 9999 {
		return b, errYear
	}
	b = strconv.AppendInt(append(b, `{"at":{"mono":`...), int64(at.Mono), 10)
	b = at.Wall.AppendFormat(append(b, `,"wall":"`...), time.RFC3339Nano)
	b = append(b, `"},"input":`...)
	if bare(in) {
		return appendBare(b, in), nil
	}
	text, err := json.Marshal(in.Scrubbed(hide))
	return append(b, text...), err
}

// bare inputs have nothing but an epoch, an ID, and when the link was heard.
func bare(in *machine.Input) bool {
	switch in.Kind {
	case machine.Tick, machine.Ponged, machine.Probed:
		return true
	}
	return false
}

func appendBare(b []byte, in *machine.Input) []byte {
	b = append(append(append(b, `{"kind":"`...), in.Kind.String()...), '"')
	if in.Epoch != 0 {
		b = strconv.AppendUint(append(b, `,"epoch":`...), in.Epoch, 10)
	}
	if in.ID != 0 {
		b = strconv.AppendUint(append(b, `,"id":`...), in.ID, 10)
	}
	if h := in.Heard; h != (machine.Heard{}) {
		b = append(b, `,"heard":{`...)
		if h.Signaling != 0 {
			b = strconv.AppendInt(append(b, `"signaling":`...), int64(h.Signaling), 10)
		}
		if h.Signaling != 0 && h.Media != 0 {
			b = append(b, ',')
		}
		if h.Media != 0 {
			b = strconv.AppendInt(append(b, `"media":`...), int64(h.Media), 10)
		}
		b = append(b, '}')
	}
	return append(b, '}')
}

// appendOutcome writes the rest of an inputLine. Once a text was altered, the
// checksums do without texts.
func appendOutcome(b []byte, answers []machine.Answer, effects []machine.Effect, altered bool, hide image.Scrub) ([]byte, error) {
	if len(answers) > 0 {
		text, err := json.Marshal(answers)
		if err != nil {
			return b, err
		}
		b = append(append(b, `,"answers":`...), text...)
	}
	for i := range effects {
		if i == 0 {
			b = append(b, `,"effects":[`...)
		} else {
			b = append(b, ',')
		}
		sum, err := checksum(&effects[i], altered, hide)
		if err != nil {
			return b, err
		}
		b = append(append(append(append(b, '"'), nameOf(&effects[i])...), separator(altered)), sum...)
		b = append(b, '"')
	}
	if len(effects) > 0 {
		b = append(b, ']')
	}
	return b, nil
}

// The checksum of an effect follows its name: of all of it after the first of these,
// of it without texts after the second.
const (
	withTexts    = ':'
	withoutTexts = '~'
)

func separator(altered bool) byte {
	if altered {
		return withoutTexts
	}
	return withTexts
}

// nameOf is the name of an effect; an event goes by its own.
func nameOf(e *machine.Effect) string {
	if e.Event != nil {
		return e.Event.Name()
	}
	return e.Kind.String()
}

// checksum tells effects of one name apart.
func checksum(e *machine.Effect, altered bool, hide image.Scrub) (string, error) {
	sum := fnv.New32a()
	if e.Kind == machine.Ping || e.Kind == machine.Probe {
		sum.Write(strconv.AppendUint(append(strconv.AppendUint(nil, e.Epoch, 10), ' '), e.ID, 10))
	} else {
		text, err := json.Marshal(e)
		if err == nil && altered {
			text, err = wordless(text, hide)
		}
		if err != nil {
			return "", err
		}
		sum.Write(text)
	}
	return fmt.Sprintf("%08x", sum.Sum32()), nil
}

// wordless is the JSON form of an effect without what errors and policies say in
// words, which the recording may have changed.
func wordless(text []byte, hide image.Scrub) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(hush(v, hide))
}

func hush(v any, hide image.Scrub) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = hush(v[i], hide)
		}
	case map[string]any:
		for name, of := range v {
			v[name] = hushed(name, of, hide)
		}
	}
	return v
}

// hushed is the member of an object: the texts of status.Status and
// observer.PolicyChanged are left out, and endpoints shown as they are recorded.
func hushed(name string, v any, hide image.Scrub) any {
	switch text, isText := v.(string); {
	case isText && (name == "cause" || name == "reason"):
		return ""
	case isText && name == "endpoint" && hide.Endpoint != nil:
		return hide.Endpoint(text)
	case name == "endpoints" && hide.Endpoint != nil:
		return hiddenList(v, hide)
	}
	return hush(v, hide)
}

func hiddenList(v any, hide image.Scrub) any {
	list, _ := v.([]any)
	for i := range list {
		if text, ok := list[i].(string); ok {
			list[i] = hide.Endpoint(text)
		}
	}
	return list
}

// splitEffect takes a recorded effect apart.
func splitEffect(s string) (name, sum string, altered bool) {
	i := strings.LastIndexAny(s, string(withTexts)+string(withoutTexts))
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], s[i] == withoutTexts
}
