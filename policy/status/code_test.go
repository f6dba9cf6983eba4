package status

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A table that is shorter or longer than the numbering of the reference does
// not compile: one of the two constants would be negative.
const (
	_ = uint(len(table) - 27)
	_ = uint(27 - len(table))
)

// strangers are codes that nobody defined.
var strangers = []Code{-1, 27, 99, -1 << 31, 1<<31 - 1}

// declaredCodes reads the constants of type Code from the source, so that no
// constant can be added without a row.
func declaredCodes(t *testing.T) map[string]int {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "code.go", nil, 0)
	require.NoError(t, err)
	found := map[string]int{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "Code" && len(spec.Values) == 1 {
			value, err := strconv.Atoi(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			found[spec.Names[0].Name] = value
		}
		return true
	})
	return found
}

func TestEveryConstantHasItsRow(t *testing.T) {
	declared := declaredCodes(t)
	require.Len(t, declared, len(table))
	for name, number := range declared {
		require.Less(t, number, len(table), name)
		assert.Equal(t, name, table[number].name)
	}
}

func TestEveryCodeHasEveryText(t *testing.T) {
	details := map[string]Code{}
	for _, c := range append(All(), strangers...) {
		t.Run(c.String(), func(t *testing.T) {
			assert.NotEmpty(t, c.String())
			assert.Regexp(t, `^[a-z].*[^.]$`, c.Detail(), "a fragment without a full stop")
			assert.Regexp(t, `^[A-Z].*\.$`, c.UserMessage(), "one sentence")
			assert.Equal(t, 1, strings.Count(c.UserMessage(), "."))
			assert.Equal(t, fmt.Sprintf("%s (%d): %s", c.String(), int(c), c.Detail()), c.Error())
		})
		if c.Known() {
			first, taken := details[c.Detail()]
			assert.False(t, taken, "%s and %s have one detail", first, c)
			details[c.Detail()] = c
		}
	}
}

func TestUserMessagesAreGeneralUnlessTheAudienceAllowsMore(t *testing.T) {
	general := []string{userContinues, userTrouble, userFault, userEnded}
	specific := map[string]Code{}
	for _, c := range append(All(), strangers...) {
		if c.Audience() == Nobody {
			assert.Contains(t, general, c.UserMessage(), c.String())
			continue
		}
		assert.NotContains(t, general, c.UserMessage(), c.String())
		assert.NotContains(t, specific, c.UserMessage(), c.String())
		specific[c.UserMessage()] = c
	}
	assert.Len(t, specific, 5)
}

func TestAllIsFreshAndOrdered(t *testing.T) {
	all := All()
	require.Len(t, all, 27)
	for i, c := range all {
		assert.Equal(t, i, int(c))
		assert.True(t, c.Known())
	}
	all[0] = Left
	assert.Equal(t, OK, All()[0])
}

// withFlag lists the codes with a property, for comparison with a literal list.
func withFlag(has func(Code) bool) []Code {
	var found []Code
	for _, c := range All() {
		if has(c) {
			found = append(found, c)
		}
	}
	return found
}

func TestFlags(t *testing.T) {
	assert.Equal(t, []Code{1, 2, 3, 4, 5, 8, 10, 11, 13, 17, 20, 22}, withFlag(Code.Terminal))
	assert.Equal(t, []Code{3, 4, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 21}, withFlag(Code.Failure))
	assert.Equal(t, []Code{3, 6, 7, 11, 12, 13, 15, 17, 21}, withFlag(Code.AudioConnectionFailure))
}

func TestUnknownCodes(t *testing.T) {
	for _, c := range strangers {
		t.Run(c.String(), func(t *testing.T) {
			assert.False(t, c.Known())
			assert.Equal(t, fmt.Sprintf("Code(%d)", int(c)), c.String())
			assert.False(t, c.Terminal(), "never final")
			assert.True(t, c.Failure(), "retried within the budget")
			assert.False(t, c.AudioConnectionFailure())
			assert.Equal(t, ToldInternal, c.Told())
			assert.Equal(t, Nobody, c.Audience())
			assert.Equal(t, LayerUnknown, c.Layer())
			assert.Equal(t, TaskFailed, c.Public())
		})
	}
}

func TestLayers(t *testing.T) {
	in := func(l Layer) []Code { return withFlag(func(c Code) bool { return c.Layer() == l }) }
	assert.Equal(t, []Code{OK, TaskFailed}, in(LayerUnknown))
	assert.Equal(t, []Code{3, 4, 5, 9, 10, 11, 12, 13, 14, 21, 23}, in(LayerSignaling))
	assert.Equal(t, []Code{2, 6, 7, 8, 15, 19, 20, 22, 25, 26}, in(LayerMedia))
	assert.Equal(t, []Code{1, 16, 17, 24}, in(LayerClient))
}

func TestCodeIsAnErrorLikeErrno(t *testing.T) {
	var err error = MeetingEnded
	assert.EqualError(t, err, "MeetingEnded (5): the meeting is over")
	wrapped := fmt.Errorf("join: %w", err)
	require.ErrorIs(t, wrapped, MeetingEnded)
	assert.NotErrorIs(t, wrapped, Left)
	var found Code
	require.ErrorAs(t, errors.Join(errors.New("other"), wrapped), &found)
	assert.Equal(t, MeetingEnded, found)
	assert.EqualError(t, Code(99), "Code(99) (99): a code that this version does not know")
}
