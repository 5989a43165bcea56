"""A real RTSP server: GStreamer's, run by Debian's own Python; it prints its port.

Options: WIDTH HEIGHT, then NAME PASSWORD METHOD, where METHOD is basic or digest.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")

from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402 - after the versions

RATE = 25
ROLE = "viewer"


def protected(factory: GstRtspServer.RTSPMediaFactory, name: str, password: str, method: str) -> GstRtspServer.RTSPAuth:
    """Let only NAME with PASSWORD see the stream."""
    auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", ROLE)
    if method == "digest":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(name, password, token)
    else:
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(name, password), token)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_role(ROLE)
    for right in ("media.factory.access", "media.factory.construct"):
        permissions.add_permission_for_role(ROLE, right, True)  # noqa: FBT003 - C has no keyword arguments
    factory.set_permissions(permissions)
    return auth


def main(width: str, height: str, *user: str) -> None:
    """Serve a test picture at /live."""
    Gst.init(None)
    server, factory = GstRtspServer.RTSPServer(), GstRtspServer.RTSPMediaFactory()
    server.set_address("127.0.0.1")
    server.set_service("0")
    picture = f"video/x-raw,format=I420,width={width},height={height},framerate={RATE}/1"
    encoder = f"x264enc tune=zerolatency speed-preset=ultrafast key-int-max={RATE}"
    factory.set_launch(f"( videotestsrc is-live=true ! {picture} ! {encoder} ! rtph264pay name=pay0 pt=96 )")
    factory.set_shared(True)
    server.get_mount_points().add_factory("/live", factory)
    if user:
        server.set_auth(protected(factory, *user))
    server.attach(None)
    print(server.get_bound_port(), flush=True)  # noqa: T201 - the answer of the program
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(*sys.argv[1:])
