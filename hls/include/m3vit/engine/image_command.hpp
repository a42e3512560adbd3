/// \file image_command.hpp
/// Cut an image into patches, and where their rows go.
#pragma once

#include "m3vit/engine/memory_commands.hpp"
#include "m3vit/patch_position.hpp"

namespace m3vit {

struct ImageCommand {
    CutPatchesCommand cut;
    TokenWriteCommand write;
};

}  // namespace m3vit
