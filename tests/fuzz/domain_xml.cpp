// libvirt's domain XML, as the operator's file and the libvirt hook read it (src/adapter/libvirt/domain_xml).
#include "adapter/libvirt/domain_xml.hpp"

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace haven::libvirt;
  const std::string_view xml = haven::fuzz::text_of(data, size);
  const auto uuid = parse_domain_uuid(xml);
  FUZZ_EXPECT(uuid ? canonical_uuid(*uuid) == *uuid : !uuid.error().empty());
  (void)parse_host_uuid(xml);
  const auto facts = parse_domain(xml);
  if (!facts) {
    FUZZ_EXPECT(!facts.error().empty());
    return 0;
  }
  FUZZ_EXPECT(uuid && *uuid == facts->uuid);
  for (const bool many : {false, true})
    for (const auto& problem : portability_problems(*facts, many)) FUZZ_EXPECT(!problem.empty());
  return 0;
}
