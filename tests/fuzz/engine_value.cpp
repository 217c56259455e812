// What stands in the engine (src/daemon/codec, spec_store): the first line is a path, the rest its value. Decoding is
// total; what it took is encoded, decoded again and the same. "document" is the operator's file with its domains.
#include "daemon/codec.hpp"
#include "daemon/spec_store.hpp"
#include "fuzz.hpp"

namespace haven {
namespace {

void expect_record(const std::string& path, std::string_view bytes) {
  const auto record = codec::decode(path, bytes);
  if (!record) return;
  if (const auto* unreadable = std::get_if<UnreadableRecord>(&*record)) {
    FUZZ_EXPECT(!unreadable->problem.empty());
    return;
  }
  FUZZ_EXPECT(codec::decode(path, codec::encode(*record)) == record);
}

void expect_document(std::string_view bytes) {
  const auto document = codec::read_document(bytes);
  if (!document) {
    FUZZ_EXPECT(!document.error().empty());
    return;
  }
  const auto again = codec::read_document(codec::write_document(*document));
  FUZZ_EXPECT(again.has_value());
  FUZZ_EXPECT(*again->spec == *document->spec && again->domains == document->domains);
}

// The same as the engine would tell it, to whoever puts the pieces together.
void expect_listing(const std::string& path, std::string_view bytes) {
  codec::Assembler assembler("");
  port::Listed listed;
  listed.entries.push_back({"/haven/fuzz/spec/current", std::string(bytes), Revision{1}, Revision{1}, {}});
  listed.entries.push_back({"/haven/fuzz/" + path, std::string(bytes), Revision{2}, Revision{2}, {}});
  listed.revision = Revision{2};
  const auto taken = assembler.take(listed);
  FUZZ_EXPECT(assembler.cluster() == "fuzz" && taken.revision == listed.revision);
}

}  // namespace
}  // namespace haven

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto [line, bytes] = haven::fuzz::split_line(haven::fuzz::text_of(data, size));
  const std::string path(line);
  if (path == "document") {
    haven::expect_document(bytes);
  } else {
    haven::expect_record(path, bytes);
    haven::expect_listing(path, bytes);
  }
  return 0;
}
