# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by make.py in a Python with bpy: the pictures of a folder as Blender itself writes them."""

import sys
from pathlib import Path

import bpy

FOLDER = Path(sys.argv[1])
PICTURES = ("0", "1", "half")

# variant: file format and the settings that differ from Blender's own
PLAIN = {
    "png-blender": ("PNG", {}),
    "jpg-blender": ("JPEG", {"quality": 92}),
    "exr-blender": ("OPEN_EXR", {"color_depth": "16", "exr_codec": "ZIP"}),
    "tif-blender": ("TIFF", {"tiff_codec": "LZW", "color_depth": "16"}),
    "dpx-blender": ("DPX", {"color_depth": "10"}),
    "cin-blender": ("CINEON", {}),
    "tga-blender-raw": ("TARGA_RAW", {}),
    "tga-blender-rle": ("TARGA", {}),
    "bmp-blender": ("BMP", {}),
    "rgb-blender": ("IRIS", {}),
    "hdr-blender": ("HDR", {}),
    "webp-blender": ("WEBP", {"quality": 92}),
    "jp2-blender": ("JPEG2000", {"jpeg2k_codec": "JP2", "quality": 92}),
    "jp2-blender-16bit": ("JPEG2000", {"jpeg2k_codec": "JP2", "color_depth": "16", "quality": 92}),
    "j2c-blender": ("JPEG2000", {"jpeg2k_codec": "J2K", "quality": 92}),
}


def compositor(scene: bpy.types.Scene, picture: str) -> None:
    """Have the render be the picture."""
    group = bpy.data.node_groups.new("comp", "CompositorNodeTree")
    scene.compositing_node_group = group
    image = group.nodes.new("CompositorNodeImage")
    image.image = bpy.data.images.load(picture)
    group.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    output = group.nodes.new("NodeGroupOutput")
    group.links.new(image.outputs[0], output.inputs[0])


def main() -> None:
    scene = bpy.context.scene
    scene.view_settings.view_transform = "Standard"
    settings = scene.render.image_settings
    for name, (kind, options) in PLAIN.items():
        suffix = name.partition("-")[0]
        settings.file_format = kind
        for key, value in options.items():
            setattr(settings, key, value)
        (FOLDER / "out" / name).mkdir(parents=True)
        for picture in PICTURES:
            image = bpy.data.images.load(f"{FOLDER}/{picture}.png")
            image.save_render(f"{FOLDER}/out/{name}/{picture}.{suffix}", scene=scene)
            bpy.data.images.remove(image)
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 1
    scene.view_layers[0].use_pass_z = True
    scene.render.resolution_percentage = 100
    for name, views in (("exr-multilayer", False), ("exr-multiview", True)):
        (FOLDER / "out" / name).mkdir(parents=True)
        scene.render.use_multiview = views
        settings.media_type = "MULTI_LAYER_IMAGE"
        settings.file_format = "OPEN_EXR_MULTILAYER"
        if views:
            settings.views_format = "MULTIVIEW"
        settings.exr_codec, settings.color_depth = "ZIP", "16"
        for picture in PICTURES:
            compositor(scene, f"{FOLDER}/{picture}.png")
            image = bpy.data.images.load(f"{FOLDER}/{picture}.png", check_existing=True)
            scene.render.resolution_x, scene.render.resolution_y = image.size
            scene.render.filepath = f"{FOLDER}/out/{name}/{picture}.exr"
            bpy.ops.render.render(write_still=True)


main()
