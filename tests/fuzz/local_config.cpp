// havend.toml: any bytes become a configuration or errors with a place in the text (src/file/local_config).
#include "file/local_config.hpp"

#include <algorithm>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = haven::fuzz::text_of(data, size);
  const auto config = haven::file::parse_local_config(text, "havend.toml");
  const auto lines = std::count(text.begin(), text.end(), '\n') + std::count(text.begin(), text.end(), '\r') + 2;
  if (config) {
    FUZZ_EXPECT(!config->host.str().empty() && !config->run_dir.empty() && !config->state_dir.empty());
    FUZZ_EXPECT(config->engine == haven::file::EngineKind::etcd || config->endpoints.empty());
    return 0;
  }
  FUZZ_EXPECT(!config.error().empty());
  for (const auto& error : config.error()) {
    FUZZ_EXPECT(error.line >= 1 && error.line <= lines && error.column >= 1);
    FUZZ_EXPECT(!error.what.empty() && !error.wanted.empty());
  }
  return 0;
}
