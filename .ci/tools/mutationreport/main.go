// Command mutationreport says what gremlins found in one package: the score, what
// killed the mutants, and the survivors, each with its line and whether
// docs/mutants.md explains it. It fails below the threshold.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// findings are what gremlins writes.
type findings struct {
	Files []struct {
		Name    string   `json:"file_name"`
		Mutants []mutant `json:"mutations"`
	} `json:"files"`
}

type mutant struct {
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Type   string `json:"type"`
	Status string `json:"status"`
	file   string
}

func main() {
	log.SetFlags(0)
	pkg := flag.String("package", "", "the package's folder")
	threshold := flag.Float64("threshold", 85, "the least share of mutants killed, in percent")
	steps := flag.String("log", "", "what .ci/mutation-go has told")
	flag.Parse()
	text, err := report(*pkg, flag.Arg(0), *steps, *threshold)
	fmt.Print(text)
	if err != nil {
		log.Fatalf("%s: %v", *pkg, err)
	}
}

// report gives the text that it could make, with the error, too.
func report(pkg, file, steps string, threshold float64) (string, error) {
	mutants, err := read(file)
	if err != nil {
		return "", err
	}
	count := map[string]int{}
	for _, m := range mutants {
		count[m.Status]++
	}
	killed, lived := count["KILLED"], count["LIVED"]
	if killed == 0 {
		return "", errors.New("no mutant was killed: the tests did not run")
	}
	score := 100 * float64(killed) / float64(killed+lived)
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %.1f %% of the mutants killed (%d of %d)\n", pkg, score, killed, killed+lived)
	for _, s := range slices.Sorted(maps.Keys(count)) {
		fmt.Fprintf(&b, "  %5d %s\n", count[s], strings.ToLower(s))
	}
	err = errors.Join(printSteps(&b, steps), printSurvivors(&b, pkg, mutants))
	if err == nil && score < threshold {
		err = fmt.Errorf("%.1f %% of the mutants killed, %.1f %% wanted", score, threshold)
	}
	return b.String(), err
}

func read(file string) (list []mutant, _ error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var f findings
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, file := range f.Files {
		for _, m := range file.Mutants {
			m.file = file.Name
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b mutant) int {
		return cmp.Or(strings.Compare(a.file, b.file), a.Line-b.Line, a.Column-b.Column, strings.Compare(a.Type, b.Type))
	})
	return list, nil
}

// printSteps sums up what became of the mutants that were tried.
func printSteps(w io.Writer, file string) error {
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	count := map[string]int{}
	for line := range strings.Lines(string(text)) {
		what, which, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if what == "killed by time" {
			what += ", in " + which
		}
		count[what]++
	}
	fmt.Fprintln(w, "what became of them:")
	for _, what := range slices.Sorted(maps.Keys(count)) {
		fmt.Fprintf(w, "  %5d %s\n", count[what], what)
	}
	return nil
}

func printSurvivors(w io.Writer, pkg string, mutants []mutant) error {
	explanations, err := os.ReadFile("docs/mutants.md")
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "survivors (* has no explanation in docs/mutants.md):")
	for _, m := range mutants {
		if m.Status != "LIVED" && m.Status != "TIMED OUT" && m.Status != "NOT COVERED" {
			continue
		}
		line, err := source(filepath.Join(pkg, m.file), m.Line)
		if err != nil {
			return err
		}
		mark := "*"
		if strings.Contains(string(explanations), "`"+line+"`") {
			mark = " "
		}
		fmt.Fprintf(w, "%s %s:%d:%d %s %s: %s\n", mark, m.file, m.Line, m.Column, m.Status, m.Type, line)
	}
	return nil
}

// source is one line of a file, without the space around it.
func source(file string, number int) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	lines := strings.Split(string(text), "\n")
	if number < 1 || number > len(lines) {
		return "", fmt.Errorf("%s has no line %d: it has changed since", file, number)
	}
	return strings.TrimSpace(lines[number-1]), nil
}
