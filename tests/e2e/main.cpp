// Status 0: all passed; 77: all that ran passed, and something could not run here; else: something
// failed, whatever else was skipped.
#include <gtest/gtest.h>

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;
  testing::InitGoogleTest(&argc, argv);
  if (const int status = RUN_ALL_TESTS(); status != 0) return status;
  return testing::UnitTest::GetInstance()->skipped_test_count() == 0 ? 0 : kSkipped;
}
