package callkit

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFailed(t *testing.T) {
	bare, stop := errors.New("bare"), errors.New("stop")
	ended, cancel := context.WithCancelCause(context.Background())
	cancel(stop)
	full := status.FromSignaling(409)
	tests := map[string]struct {
		ctx   context.Context
		phase Phase
		err   error
		code  status.Code
		layer status.Layer
		is    error
	}{
		"bare":               {context.Background(), PhaseJoin, bare, status.TaskFailed, status.LayerSignaling, bare},
		"bare, in media":     {context.Background(), PhaseMedia, bare, status.TaskFailed, status.LayerMedia, bare},
		"told":               {context.Background(), PhaseJoin, full, full.Code, full.Where(), full.Code},
		"told, wrapped":      {context.Background(), PhaseJoin, fmt.Errorf("join: %w", full), full.Code, full.Where(), full.Code},
		"ended":              {ended, PhaseNegotiate, bare, status.TaskFailed, status.LayerSignaling, stop},
		"told and ended too": {ended, PhaseJoin, full, full.Code, full.Where(), full.Code},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := failed(tt.ctx, tt.phase, tt.err)
			var st status.Status
			require.ErrorAs(t, err, &st)
			assert.Equal(t, tt.code, st.Code)
			assert.Equal(t, tt.layer, st.Where())
			require.ErrorIs(t, err, tt.is)
			assert.Contains(t, err.Error(), string(tt.phase)+": ")
		})
	}
}
