package holdfast_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// docs/needs.md says which tests show that a need is met. Here it is held to the
// tests that there are.

// needs is how many needs there are, numbered from 1.
const needs = 42

// toCome marks a row of which a part is not built yet.
const toCome = "(to come)"

// TestNeedsAreTested: every need has its row, and tests that exist and cite it.
func TestNeedsAreTested(t *testing.T) {
	rows, faults := readNeeds(read(t, "docs/needs.md"))
	for _, fault := range append(faults, checkNeeds(rows, testsOnDisk(t))...) {
		t.Error("docs/needs.md: " + fault)
	}
}

// TestNeedsAreBuilt: no row waits for what is still to be built.
func TestNeedsAreBuilt(t *testing.T) {
	rows, _ := readNeeds(read(t, "docs/needs.md"))
	for _, n := range rows {
		if n.waits {
			t.Errorf("docs/needs.md: need %d is still to come, in part at least", n.number)
		}
	}
}

// need is a row of the table.
type need struct {
	number int
	tests  []testName
	waits  bool
}

// testName is a test as the table names it: directory.Function/subtest, without
// the directory in the root.
type testName struct{ dir, function, subtest string }

func (n testName) String() string {
	return strings.TrimSuffix(strings.TrimPrefix(n.dir+"."+n.function+"/"+n.subtest, "."), "/")
}

var (
	tableRow = regexp.MustCompile(`^\| *(\d+) *\| *([^|]*?) *\| *([^|]*?) *\|$`)
	quoted   = regexp.MustCompile("`([^`]*)`")
	fullName = regexp.MustCompile(`^(?:([a-z/]+)\.)?((?:Test|Fuzz|Benchmark|Example)(?:[A-Z_][A-Za-z0-9_]*)?)(?:/(.+))?$`)
)

// readNeeds reads the table, and lists what cannot be understood.
func readNeeds(text string) (rows []need, faults []string) {
	for _, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "| #") || strings.HasPrefix(line, "|--") {
			continue
		}
		m := tableRow.FindStringSubmatch(line)
		if m == nil || m[2] == "" {
			faults = append(faults, "not a row: "+line)
			continue
		}
		n, bad := readNeed(m[1], m[3])
		rows, faults = append(rows, n), append(faults, bad...)
	}
	return rows, faults
}

func readNeed(number, cell string) (n need, faults []string) {
	n.number, _ = strconv.Atoi(number)
	for _, q := range quoted.FindAllStringSubmatch(cell, -1) {
		if m := fullName.FindStringSubmatch(q[1]); m != nil {
			n.tests = append(n.tests, testName{m[1], m[2], m[3]})
		} else {
			faults = append(faults, fmt.Sprintf("row %d: %q does not name a test", n.number, q[1]))
		}
	}
	rest := strings.Trim(quoted.ReplaceAllString(cell, ""), ", ")
	if n.waits = rest == toCome; rest != "" && !n.waits {
		faults = append(faults, fmt.Sprintf("row %d: what is %q?", n.number, rest))
	}
	return n, faults
}

// testsIn knows the tests of a directory.
type testsIn func(dir string) testFiles

// testFiles are the test files of a directory.
type testFiles struct {
	functions map[string]string // with their comment, by name
	text      string            // of all files
}

// checkNeeds lists what is wrong with the rows.
func checkNeeds(rows []need, in testsIn) (faults []string) {
	times := map[int]int{}
	for _, n := range rows {
		times[n.number]++
		faults = append(faults, n.check(in)...)
	}
	for number := range needs {
		if k := times[number+1]; k != 1 {
			faults = append(faults, fmt.Sprintf("row %d is there %d times", number+1, k))
		}
	}
	for _, n := range rows {
		if n.number < 1 || n.number > needs {
			faults = append(faults, fmt.Sprintf("row %d: there is no such need", n.number))
		}
	}
	return faults
}

func (n need) check(in testsIn) (faults []string) {
	cited := false
	for _, name := range n.tests {
		files := in(name.dir)
		source, found := files.functions[name.function]
		if !found || !files.hasSubtest(name.subtest) {
			faults = append(faults, fmt.Sprintf("row %d: there is no test %s", n.number, name))
		}
		cited = cited || slices.Contains(citations(source), n.number)
	}
	switch {
	case len(n.tests) == 0 && !n.waits:
		faults = append(faults, fmt.Sprintf("row %d has no test", n.number))
	case len(n.tests) > 0 && !cited:
		faults = append(faults, fmt.Sprintf("row %d: no test cites NEEDS %d", n.number, n.number))
	}
	return faults
}

// hasSubtest reports whether the parts of a subtest's name stand in the files.
func (f testFiles) hasSubtest(name string) bool {
	if name == "" {
		return true
	}
	for _, part := range strings.Split(name, "/") {
		if !strings.Contains(f.text, strconv.Quote(part)) {
			return false
		}
	}
	return true
}

var (
	citation  = regexp.MustCompile(`\bNEEDS \d+(?:(?:, | and )\d+)*`)
	numerals  = regexp.MustCompile(`\d+`)
	wrapsHere = regexp.MustCompile(`\s*\n\s*// ?`)
)

// citations are the numbers behind each NEEDS in a piece of source.
func citations(source string) (numbers []int) {
	for _, c := range citation.FindAllString(wrapsHere.ReplaceAllString(source, " "), -1) {
		for _, digits := range numerals.FindAllString(c, -1) {
			number, _ := strconv.Atoi(digits)
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// testsOnDisk reads each directory once.
func testsOnDisk(t *testing.T) testsIn {
	known := map[string]testFiles{}
	return func(dir string) testFiles {
		if _, ok := known[dir]; !ok {
			known[dir] = readTests(t, dir)
		}
		return known[dir]
	}
}

func readTests(t *testing.T, dir string) testFiles {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	require.NoError(t, err)
	files := testFiles{functions: map[string]string{}}
	for _, path := range paths {
		source, err := os.ReadFile(path)
		require.NoError(t, err)
		files.add(t, path, string(source))
	}
	return files
}

// add takes in the functions of a file, each with its comment.
func (f *testFiles) add(t *testing.T, path, source string) {
	t.Helper()
	f.text += source
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, source, parser.ParseComments|parser.SkipObjectResolution)
	require.NoError(t, err)
	for _, decl := range file.Decls {
		if d, ok := decl.(*ast.FuncDecl); ok && d.Recv == nil {
			from := d.Pos()
			if d.Doc != nil {
				from = d.Doc.Pos()
			}
			f.functions[d.Name.Name] = source[set.Position(from).Offset:set.Position(d.End()).Offset]
		}
	}
}

// TestNeedsChecker: whatever may be wrong with the table is told, and nothing else.
func TestNeedsChecker(t *testing.T) {
	row := func(cell string) string { return "| 7 | Something. | " + cell + " |\n" }
	good := row("`TestGood`")
	for name, tt := range map[string]struct {
		row  string   // in place of row 7
		want []string // faults
	}{
		"as it should be":         {good, nil},
		"another directory":       {row("`TestGood`, `deep/down.FuzzDeep`"), nil},
		"a subtest":               {row("`TestGood/first`, `TestGood/first/second`"), nil},
		"to come":                 {row("(to come)"), nil},
		"to come in part":         {row("`TestGood`, (to come)"), nil},
		"one citation is enough":  {row("`TestSilent`, `TestGood`"), nil},
		"a missing row":           {"", []string{"row 7 is there 0 times"}},
		"a row twice":             {good + good, []string{"row 7 is there 2 times"}},
		"a row too many":          {good + "| 43 | More. | (to come) |\n", []string{"row 43: there is no such need"}},
		"no need":                 {"| 7 |  | `TestGood` |\n", []string{"not a row: | 7 |  | `TestGood` |", "row 7 is there 0 times"}},
		"a cell too many":         {"| 7 | A. | B. | `TestGood` |\n", []string{"not a row: | 7 | A. | B. | `TestGood` |", "row 7 is there 0 times"}},
		"no test":                 {row(""), []string{"row 7 has no test"}},
		"prose":                   {row("`TestGood`, in time"), []string{`row 7: what is "in time"?`}},
		"no name of a test":       {row("`TestGood`, `Good`"), []string{`row 7: "Good" does not name a test`}},
		"a made-up test":          {row("`TestGood`, `TestBetter`"), []string{"row 7: there is no test TestBetter"}},
		"in the wrong place":      {row("`TestGood`, `deep.FuzzDeep`"), []string{"row 7: there is no test deep.FuzzDeep"}},
		"a made-up subtest":       {row("`TestGood/third`"), []string{"row 7: there is no test TestGood/third"}},
		"a made-up test, to come": {row("`TestGood`, `TestBetter`, (to come)"), []string{"row 7: there is no test TestBetter"}},
		"no citation":             {row("`TestSilent`"), []string{"row 7: no test cites NEEDS 7"}},
		"no citation, to come":    {row("`TestSilent`, (to come)"), []string{"row 7: no test cites NEEDS 7"}},
	} {
		t.Run(name, func(t *testing.T) {
			rows, faults := readNeeds(strings.Replace(wholeTable(), good, tt.row, 1))
			assert.Equal(t, tt.want, append(faults, checkNeeds(rows, madeUp(t))...))
		})
	}
}

// wholeTable is a table with nothing wrong.
func wholeTable() string {
	text := "# Needs\n\n| # | need | tests |\n|---|---|---|\n"
	for number := range needs {
		text += fmt.Sprintf("| %d | Something. | `TestGood` |\n", number+1)
	}
	return text
}

// madeUp knows two directories of tests that do not exist.
func madeUp(t *testing.T) testsIn {
	var all []string
	for number := range needs {
		all = append(all, strconv.Itoa(number+1))
	}
	root, deep := testFiles{functions: map[string]string{}}, testFiles{functions: map[string]string{}}
	root.add(t, "a_test.go", "package a\n\n// All of them (NEEDS\n// "+strings.Join(all, ",\n// ")+"; G1).\nfunc TestGood() {\n\t_, _ = \"first\", \"second\"\n}\n\n"+
		"// Too near (NEEDS 77, SEEDS 7; 7).\nfunc TestSilent() {}\n")
	deep.add(t, "deep/down/b_test.go", "package b\n\nfunc FuzzDeep() {\n\t// NEEDS 1 and 7\n}\n")
	return func(dir string) testFiles { return map[string]testFiles{"": root, "deep/down": deep}[dir] }
}

// TestCitations reads them as they stand in the tests.
func TestCitations(t *testing.T) {
	for source, want := range map[string][]int{
		"// (NEEDS 12)":                        {12},
		"// (NEEDS 1 and 2; G2,\n// G3)":       {1, 2},
		"// (G3, NEEDS 2)":                     {2},
		"// (NEEDS 42,\n// divergence 7.8).\n": {42},
		"// (NEEDS\n// 3, 4,\n// 30; G9)":      {3, 4, 30},
		"\t// NEEDS 5\n\t// NEEDS 6":           {5, 6},
		"// needs 5, and no more":              nil,
	} {
		assert.Equal(t, want, citations(source), source)
	}
}
