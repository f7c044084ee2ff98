// What the journal knows of a decision about an order (journal::Kind::order), so that a restart
// makes it again without asking anybody: a fixed part and three texts behind it. Little-endian, as
// the journal is.
//
//   Fixed | ClOrdID | OrigClOrdID | Text
#pragma once
#include <string>
#include <string_view>

#include "base/types.h"
#include "gateway/journal/record.h"
#include "gateway/risk/order_table.h"
#include "gateway/wire/fields.h"

namespace pinion::gateway {

enum class Decision : char {
  enter = 'O',        // passed, on its way to the venue
  replace = 'U',      // likewise
  cancel = 'X',       // wanted, and sent as soon as the venue can be reached
  refuse = 'R',       // an order that goes no further
  refuse_cancel = 'C',   // a cancel likewise
  refuse_replace = 'G',  // a replacement likewise
  give_up_cancel = 'T',  // the venue never answered
  query = 'Q',           // the venue is asked how far it has read us; `about` 1: after a login
};

struct OrderRecord {
  Decision decision = Decision::enter;
  risk::Side side = risk::Side::buy;
  char time_in_force = '0';
  uint16_t session = 0;
  int16_t reason = -1;        // of a refusal
  uint32_t user_ref = 0;      // the new number
  uint32_t about = 0;         // the order's index that this is about: replace, cancel, give up
  uint32_t quantity = 0;
  risk::Price price = 0;
  Alpha<8> symbol = Alpha<8>::of("");
  std::string_view cl_ord_id = {}, orig_cl_ord_id = {}, text = {};
};

inline constexpr size_t kOrderRecordMax = 512;
inline constexpr size_t kRecordTextMax = 120;

// How many bytes; texts that are too long for the record are cut.
size_t write_record(const OrderRecord& record, MutableBytes out);
// False: it is none. The texts point into the bytes.
bool read_record(Bytes bytes, OrderRecord& out);

// Payload of journal::Kind::report: that a report was sent to the record's source.
struct ReportRecord {
  uint64_t cause;
  uint32_t part;
  uint32_t number;  // MsgSeqNum, as far as it goes
};

// The payload of either kind, for a person; empty: it is of no such kind, or not to be read.
std::string to_text(journal::Kind kind, Bytes payload);

}  // namespace pinion::gateway
