/* The layout as C11 sees it; compared with the golden in layout_test.cpp. */
#include "layout_table.h"

const layout_row* layout_in_c(size_t* rows) {
  *rows = LAYOUT_ROWS;
  return layout_table;
}
