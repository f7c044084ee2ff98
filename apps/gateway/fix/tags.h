// The numbers of the FIX fields that the session layer and the gateway speak of, by their names in
// the FIX 4.2 and 4.4 specifications, volume 6.
#pragma once
#include <cstdint>

namespace pinion::fix {

inline constexpr char kSoh = '\x01';  // ends each field

enum Tag : int32_t {
  kAccount = 1,
  kAvgPx = 6,
  kBeginSeqNo = 7,
  kBeginString = 8,
  kBodyLength = 9,
  kCheckSum = 10,
  kClOrdID = 11,
  kCumQty = 14,
  kEndSeqNo = 16,
  kExecID = 17,
  kExecTransType = 20,
  kHandlInst = 21,
  kLastPx = 31,
  kLastShares = 32,
  kMsgSeqNum = 34,
  kMsgType = 35,
  kNewSeqNo = 36,
  kOrderID = 37,
  kOrderQty = 38,
  kOrdStatus = 39,
  kOrdType = 40,
  kOrigClOrdID = 41,
  kPossDupFlag = 43,
  kPrice = 44,
  kRefSeqNum = 45,
  kSenderCompID = 49,
  kSendingTime = 52,
  kSide = 54,
  kSymbol = 55,
  kTargetCompID = 56,
  kText = 58,
  kTimeInForce = 59,
  kTransactTime = 60,
  kPossResend = 97,
  kEncryptMethod = 98,
  kCxlRejReason = 102,
  kOrdRejReason = 103,
  kHeartBtInt = 108,
  kTestReqID = 112,
  kLocateReqd = 114,
  kOnBehalfOfCompID = 115,
  kOnBehalfOfSubID = 116,
  kOrigSendingTime = 122,
  kGapFillFlag = 123,
  kDeliverToCompID = 128,
  kDeliverToSubID = 129,
  kResetSeqNumFlag = 141,
  kOnBehalfOfLocationID = 144,
  kDeliverToLocationID = 145,
  kExecType = 150,
  kLeavesQty = 151,
  kRefTagID = 371,
  kRefMsgType = 372,
  kSessionRejectReason = 373,
  kBusinessRejectReason = 380,
  kCxlRejResponseTo = 434,
};

}  // namespace pinion::fix
