// Cluster files: any bytes become a Spec or errors with a place in the text (src/file/cluster_file). What was taken is
// written to the engine and read back unchanged, and differs in nothing from itself.
#include <algorithm>
#include <memory>

#include "daemon/spec_store.hpp"
#include "file/cluster_file.hpp"
#include "file/diff.hpp"
#include "fuzz.hpp"

namespace haven {
namespace {

tl::expected<file::DomainText, std::string> read_domain(const std::string& path) {
  if (path.find("missing") != std::string::npos) return tl::make_unexpected(std::string("cannot open it"));
  file::DomainText text;
  text.name = path;
  text.uuid = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
  text.xml = "<domain/>";
  text.container = path.find("lxc") != std::string::npos;
  text.cpu = Vcpu{2};
  text.memory = MiB{1024};
  return text;
}

void expect_places(const std::vector<file::FileError>& errors, std::string_view text) {
  FUZZ_EXPECT(!errors.empty());
  const auto count = [&](char c) { return std::count(text.begin(), text.end(), c); };
  for (const auto& error : errors) {
    // A lone carriage return is a line to the TOML reader.
    FUZZ_EXPECT(error.line >= 1 && error.line <= count('\n') + count('\r') + 2);
    FUZZ_EXPECT(error.column >= 1);
    FUZZ_EXPECT(!error.what.empty() && !error.wanted.empty());
    FUZZ_EXPECT(!file::to_string(error).empty());
  }
}

void expect_reads_back(const Spec& spec, std::string_view text) {
  codec::SpecDocument document;
  document.file_name = "prod.toml";
  document.text = text;
  document.spec = std::make_shared<const Spec>(spec);
  const auto read = codec::read_document(codec::write_document(document));
  FUZZ_EXPECT(read.has_value());
  FUZZ_EXPECT(*read->spec == spec);
  FUZZ_EXPECT(file::diff(spec, *read->spec).empty());
}

}  // namespace
}  // namespace haven

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = haven::fuzz::text_of(data, size);
  for (const auto purpose : {haven::file::Purpose::apply, haven::file::Purpose::simulate}) {
    const auto spec = haven::file::parse_cluster(text, "prod.toml", purpose, haven::read_domain);
    if (spec)
      haven::expect_reads_back(*spec, text);
    else
      haven::expect_places(spec.error(), text);
  }
  return 0;
}
