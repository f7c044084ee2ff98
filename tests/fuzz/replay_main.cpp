// A main() for fuzz targets in builds without libFuzzer: runs each file given (directories: every
// file below them) once through LLVMFuzzerTestOneInput, and an empty input first.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
// Optional in a target, as for libFuzzer.
extern "C" __attribute__((weak)) int LLVMFuzzerInitialize(int* argc, char*** argv);

namespace {

namespace fs = std::filesystem;

// Exactly as large as the input, so that AddressSanitizer sees the first byte read too far.
bool run_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    std::fprintf(stderr, "replay: cannot read %s\n", path.c_str());
    return false;
  }
  const std::vector<char> chars{std::istreambuf_iterator<char>(in), {}};
  const std::vector<uint8_t> bytes(chars.begin(), chars.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  return true;
}

// Returns how many inputs ran, or -1.
int run_path(const fs::path& path) {
  if (!fs::is_directory(path)) return run_file(path) ? 1 : -1;
  int count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(path)) {
    if (!entry.is_regular_file()) continue;
    if (!run_file(entry.path())) return -1;
    ++count;
  }
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  if (LLVMFuzzerInitialize) LLVMFuzzerInitialize(&argc, &argv);
  const uint8_t nothing = 0;
  LLVMFuzzerTestOneInput(&nothing, 0);
  int total = 1;
  for (int i = 1; i < argc; ++i) {
    if (!fs::exists(argv[i])) continue;  // a target whose corpus is still empty
    const int count = run_path(argv[i]);
    if (count < 0) return 1;
    total += count;
  }
  std::printf("replay: %d inputs\n", total);
  return 0;
}
