"""The build scripts without the vendor's tools: every Tcl command is played by a stand-in.

The scripts run in a real Tcl interpreter. The stand-ins know what the sources hold (files, ports,
pragmas, registers) and what the tools document (commands, properties, pins of the processing
system), and they refuse everything else. What they cannot know is whether a tool does what its
manual says.
"""

from .rehearse import Finding, rehearse

__all__ = ["Finding", "rehearse"]
