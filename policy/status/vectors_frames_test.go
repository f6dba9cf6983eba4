package status

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// frameVectors is the layout of frames.json.
type frameVectors struct {
	ErrorStatus                                   []frameRange
	ErrorStatusAudioStatusFrameWithoutAudioStatus []frameRange
	ErrorStatusPrimaryMeetingLeaveFrame           []frameRange
	AudioStatus                                   []frameRange
	Special                                       []struct {
		Label  string
		Frame  recordedFrame
		Result string
	}
	ByTypeNoError []struct {
		Type   string
		Number int
		Result string
	}
	MonitorReports []struct {
		Type        string
		ErrorStatus int
		AudioStatus *int
		Reported    []string
	}
}

// frameRange says what all wire values of a range mean, both ends included.
type frameRange struct {
	From, To int
	Result   string
}

// recordedFrame is a frame as the reference was given it.
type recordedFrame struct {
	Type        string
	AudioStatus *struct{ AudioStatus int }
	Error       *struct{ Status int }
}

func (r recordedFrame) frame(t *testing.T) Frame {
	t.Helper()
	frameType, err := ParseFrameType(r.Type)
	require.NoError(t, err)
	f := Frame{Type: frameType}
	if r.AudioStatus != nil {
		f.HasAudioStatus, f.AudioStatus = true, r.AudioStatus.AudioStatus
	}
	if r.Error != nil {
		f.ErrorStatus = r.Error.Status
	}
	return f
}

func TestVectorsFrames(t *testing.T) {
	var file frameVectors
	readVectors(t, "frames.json", &file)
	t.Run("ranges", func(t *testing.T) { compareFrameRanges(t, &file) })
	t.Run("special", func(t *testing.T) { compareSpecialFrames(t, &file) })
	t.Run("byTypeNoError", func(t *testing.T) { compareBareFrames(t, &file) })
	t.Run("monitorReports", func(t *testing.T) { compareReports(t, &file) })
}

func compareFrameRanges(t *testing.T, file *frameVectors) {
	withError := func(kind FrameType) func(int) Frame {
		return func(wire int) Frame { return Frame{Type: kind, ErrorStatus: wire} }
	}
	compareRange(t, "errorStatus", file.ErrorStatus, withError(FrameJoinAck))
	compareRange(t, "errorStatusAudioStatusFrameWithoutAudioStatus",
		file.ErrorStatusAudioStatusFrameWithoutAudioStatus, withError(FrameAudioStatus))
	compareRange(t, "errorStatusPrimaryMeetingLeaveFrame",
		file.ErrorStatusPrimaryMeetingLeaveFrame, withError(FramePrimaryMeetingLeave))
	compareRange(t, "audioStatus", file.AudioStatus, func(wire int) Frame {
		return Frame{Type: FrameAudioStatus, HasAudioStatus: true, AudioStatus: wire}
	})
	for wire := range 1000 { // the functions behind FromFrame say the same
		s, _ := FromFrame(Frame{ErrorStatus: wire})
		assert.Equal(t, FromSignaling(wire), s)
		s, _ = FromFrame(Frame{Type: FrameAudioStatus, HasAudioStatus: true, AudioStatus: wire})
		assert.Equal(t, FromAudio(wire), s)
	}
}

func compareRange(t *testing.T, name string, rows []frameRange, build func(int) Frame) {
	t.Helper()
	next := 0
	for _, row := range rows {
		require.Equal(t, next, row.From, "%s has a gap", name)
		for wire := row.From; wire <= row.To; wire++ {
			s, reported := FromFrame(build(wire))
			require.Equal(t, row.Result, s.Code.String(), "%s %d", name, wire)
			require.Equal(t, row.Result != "OK", reported, "%s %d", name, wire)
		}
		next = row.To + 1
	}
	require.Equal(t, 1000, next, "%s covers 0..999", name)
	t.Logf("%s: compared %d wire values, no divergence", name, next)
}

func compareSpecialFrames(t *testing.T, file *frameVectors) {
	require.NotEmpty(t, file.Special)
	for _, row := range file.Special {
		s, reported := FromFrame(row.Frame.frame(t))
		assert.Equal(t, row.Result, s.Code.String(), row.Label)
		assert.Equal(t, row.Result != "OK", reported, row.Label)
	}
	t.Logf("compared %d frames, no divergence", len(file.Special))
}

func compareBareFrames(t *testing.T, file *frameVectors) {
	seen := map[FrameType]bool{}
	for _, row := range file.ByTypeNoError {
		frameType, err := ParseFrameType(row.Type)
		require.NoError(t, err)
		assert.Equal(t, row.Number, int(frameType), row.Type)
		s, _ := FromFrame(Frame{Type: frameType})
		assert.Equal(t, row.Result, s.Code.String(), row.Type)
		seen[frameType] = true
	}
	require.Len(t, seen, len(frameNames), "every kind of frame is in the file")
	t.Logf("compared %d kinds of frames, no divergence", len(seen))
}

func compareReports(t *testing.T, file *frameVectors) {
	require.NotEmpty(t, file.MonitorReports)
	for _, row := range file.MonitorReports {
		frameType, err := ParseFrameType(row.Type)
		require.NoError(t, err)
		f := Frame{Type: frameType, ErrorStatus: row.ErrorStatus, HasAudioStatus: row.AudioStatus != nil}
		if row.AudioStatus != nil {
			f.AudioStatus = *row.AudioStatus
		}
		var told []string
		if s, reported := FromFrame(f); reported {
			told = append(told, s.Code.String())
		}
		assert.ElementsMatch(t, row.Reported, told, "%+v", row)
	}
	t.Logf("compared %d reports, no divergence", len(file.MonitorReports))
}
