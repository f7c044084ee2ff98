// A book as the risk checks see it. In a place of its own, so that neither of them knows the other.
#pragma once
#include "gateway/book/books.h"
#include "gateway/risk/risk.h"

namespace pinion::market {

// Whether the venue's day lets orders trade: not before its system hours (O) nor behind them (E,
// C). Behind the market's own hours (M) they may. 0: not told, as after a snapshot without events;
// then each symbol's state decides.
inline bool in_hours(char market_state) {
  return market_state != 'O' && market_state != 'E' && market_state != 'C';
}

// A state that was not told is no state to trade in.
inline risk::Market market_of(const book::Book& book, char market_state) {
  const book::Level *bid = book.bids.best(), *ask = book.asks.best();
  return {.live = book.fresh(),
          .bid = bid ? risk::Price{bid->price} : 0,
          .ask = ask ? risk::Price{ask->price} : 0,
          .trading = book.trading_state == 'T' && in_hours(market_state),
          .short_sale_restricted = book.reg_sho == '1' || book.reg_sho == '2'};
}

}  // namespace pinion::market
