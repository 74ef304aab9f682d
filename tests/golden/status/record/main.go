// Records what encoding/json does with texts of allocatedIPs: reads them from a JSON array on standard input, and prints for
// each either the error or the text that a rewrite makes of it, with that text as a value of a JSON document beside it.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"record/v2beta1"
)

type answer struct {
	Text  string  `json:"text"`
	Error *string `json:"error,omitempty"`
	// Absent where a rewrite leaves the field out.
	Rewritten *string `json:"rewritten,omitempty"`
	Nested    *string `json:"nested,omitempty"`
}

func judge(text string) answer {
	var records v2beta1.PoolIPAllocations
	if err := json.Unmarshal([]byte(text), &records); err != nil {
		problem := err.Error()
		return answer{Text: text, Error: &problem}
	}
	if len(records) == 0 {
		return answer{Text: text}
	}
	bytes, err := json.Marshal(records)
	if err != nil {
		panic(err)
	}
	rewritten := string(bytes)
	nested, err := json.Marshal(rewritten)
	if err != nil {
		panic(err)
	}
	document := string(nested)
	return answer{Text: text, Rewritten: &rewritten, Nested: &document}
}

func main() {
	var texts []string
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		panic(err)
	}
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	encoder.SetEscapeHTML(false)
	for index, text := range texts {
		separator := ",\n"
		if index == 0 {
			separator = "[\n"
		}
		lines.WriteString(separator)
		if err := encoder.Encode(judge(text)); err != nil {
			panic(err)
		}
		lines.Truncate(lines.Len() - 1)
	}
	fmt.Println(lines.String() + "\n]")
}
