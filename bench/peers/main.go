// SPDX-License-Identifier: Apache-2.0

// A Flight server by arrow-go that keeps tables in a map: the same few lines as ways/flight.py.
// Prints its address when it is ready.
package main

import (
	"fmt"
	"log"
	"math"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type table struct {
	schema  *arrow.Schema
	batches []arrow.RecordBatch
}

type server struct {
	flight.BaseFlightServer
	lock   sync.RWMutex
	tables map[string]table
}

func (s *server) DoPut(stream flight.FlightService_DoPutServer) error {
	reader, err := flight.NewRecordReader(stream)
	if err != nil {
		return err
	}
	defer reader.Release()
	key := string(reader.LatestFlightDescriptor().GetCmd()) // comes with the schema only
	got := table{schema: reader.Schema()}
	for reader.Next() {
		batch := reader.RecordBatch()
		batch.Retain()
		got.batches = append(got.batches, batch)
	}
	if reader.Err() != nil {
		return reader.Err()
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	s.tables[key] = got
	return nil
}

func (s *server) DoGet(ticket *flight.Ticket, stream flight.FlightService_DoGetServer) error {
	s.lock.RLock()
	found, ok := s.tables[string(ticket.Ticket)]
	s.lock.RUnlock()
	if !ok {
		return status.Error(codes.NotFound, "no such key")
	}
	writer := flight.NewRecordWriter(stream, ipc.WithSchema(found.schema))
	defer writer.Close()
	for _, batch := range found.batches {
		if err := writer.Write(batch); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	s := flight.NewServerWithMiddleware(nil, grpc.MaxRecvMsgSize(math.MaxInt32))
	if err := s.Init("127.0.0.1:0"); err != nil {
		log.Fatal(err)
	}
	s.RegisterFlightService(&server{tables: map[string]table{}})
	fmt.Printf("grpc+tcp://%s\n", s.Addr())
	log.Fatal(s.Serve())
}
