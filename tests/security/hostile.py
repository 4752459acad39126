"""Files of strangers: each function writes one kind to a path, whatever its suffix."""

import gzip
import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from functools import cache

import numpy as np
import torch

# Whatever code of a file runs makes this file, in the folder that the command runs in.
TRAP = 'code-of-a-stranger-ran'


class Evil:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return os.system, (f'touch {TRAP}',)


# Any suffix --------------------------------------------------------------------------------------


def empty(path):
    path.write_bytes(b'')


def noise(path):
    path.write_bytes(np.random.default_rng(0).bytes(5000))


def pipe(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to('/dev/zero')


def folder(path):
    path.mkdir()


def link_to_nowhere(path):
    path.symlink_to('gone')


def huge(path):
    """A terabyte of zeros that takes no space."""
    with open(path, 'wb') as file:
        file.truncate(10**12)


ANY = (empty, noise, pipe, device, folder, link_to_nowhere, huge)

# Pictures ----------------------------------------------------------------------------------------


def eps(path):
    path.write_text(
        '%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 48 32\n%%EndComments\n'
        f'(%pipe%touch {TRAP}) (w) file closefile\nshowpage\n%%EOF\n'
    )


def svg(path):
    path.write_text('<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/passwd"/></svg>')


def _chunk(name, content):
    return (
        struct.pack('>I', len(content))
        + name
        + content
        + struct.pack('>I', zlib.crc32(name + content))
    )


@cache
def _zeros(count):
    """So many zeros, packed."""
    return zlib.compress(bytes(count), 9)


def _png(width, height, *chunks, color=0, data=b''):
    header = struct.pack('>IIBBBBB', width, height, 8, color, 0, 0, 0)
    parts = [_chunk(b'IHDR', header), *chunks, _chunk(b'IDAT', data), _chunk(b'IEND', b'')]
    return b'\x89PNG\r\n\x1a\n' + b''.join(parts)


def png_bomb(path):
    """177 megapixels in 200 kB."""
    path.write_bytes(_png(13_300, 13_300, data=_zeros(13_300 * 13_301)))


def png_of_a_billion_columns(path):
    path.write_bytes(_png(2**31 - 1, 2**31 - 1, data=zlib.compress(bytes(100))))


def png_with_a_text_bomb(path):
    text = b'Comment\0\0' + _zeros(10**8)
    data = zlib.compress(bytes(32 * 49), 9)
    path.write_bytes(_png(48, 32, *[_chunk(b'zTXt', text)] * 4, data=data))


def cut_png(path):
    data = zlib.compress(np.random.default_rng(0).bytes(32 * 49))
    content = _png(48, 32, data=data)
    path.write_bytes(content[: len(content) // 2])


def _endless_tags(*more):
    """60,000 entries of TIFF and EXIF, each of which claims the same 700,000 bytes."""
    entries = [*more, *(struct.pack('<HHII', 1000 + i, 7, 700_000, 0) for i in range(60_000))]
    head = b'II*\0' + struct.pack('<IH', 8, len(entries))
    return head + b''.join(entries) + bytes(50_000)


def tiff_of_endless_tags(path):
    path.write_bytes(_endless_tags(*(struct.pack('<HHII', side, 4, 1, 32) for side in (256, 257))))


def jpeg_of_endless_tags(path):
    from PIL import Image

    file, tags = io.BytesIO(), _endless_tags()
    Image.new('RGB', (48, 32)).save(file, 'JPEG')
    content = file.getvalue()
    parts = [b'Exif\0\0' + tags[at : at + 65_000] for at in range(0, len(tags), 65_000)]
    parts = [b'\xff\xe1' + struct.pack('>H', 2 + len(part)) + part for part in parts]
    path.write_bytes(content[:2] + b''.join(parts) + content[2:])


def moving_webp(path):
    from PIL import Image

    frames = [Image.new('RGB', (48, 32), (40 * i, 0, 0)) for i in range(3)]
    frames[0].save(path, 'WEBP', save_all=True, append_images=frames[1:])


PICTURES = (
    *(eps, svg, png_bomb, png_of_a_billion_columns, png_with_a_text_bomb, cut_png),
    *(tiff_of_endless_tags, jpeg_of_endless_tags),
)

# Arrays ------------------------------------------------------------------------------------------


def _npy_header(shape, descr='<f4'):
    file = io.BytesIO()
    header = dict(descr=descr, fortran_order=False, shape=shape)
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


def npy_that_claims_a_terabyte(path):
    path.write_bytes(_npy_header((1, 500_000, 500_000)) + bytes(1000))


def npy_of_objects(path):
    array = np.empty(1, object)
    array[0] = Evil()
    with open(path, 'wb') as file:
        np.save(file, array)


def npy_with_code_in_its_header(path):
    header = b"{'descr': __import__('os').system('touch " + TRAP.encode() + b"'), 'shape': (1,)}\n"
    path.write_bytes(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(header)) + header)


NPY = (npy_that_claims_a_terabyte, npy_of_objects, npy_with_code_in_its_header)


def _zip_of(path, name, content):
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        file.writestr(name, content)


def npz_bomb(path):
    """A map of 15,000 x 15,000 pixels in a megabyte."""
    path.write_bytes(_npz_of_zeros())


@cache
def _npz_of_zeros(side=15_000):
    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as archive,
        archive.open('a.npy', 'w', force_zip64=True) as member,
    ):
        member.write(_npy_header((1, side, side)))
        for _ in range(side):
            member.write(bytes(4 * side))
    return file.getvalue()


def npz_of_objects(path):
    file = io.BytesIO()
    np.save(file, np.array([Evil()], object))
    _zip_of(path, 'a.npy', file.getvalue())


def npz_with_a_damaged_member(path):
    _zip_of(path, 'a.npy', _npy_header((4, 24, 32)) + np.random.default_rng(0).bytes(12288))
    content = bytearray(path.read_bytes())
    content[200:900] = b'\xa5' * 700
    path.write_bytes(content)


def npz_with_a_broken_header(path):
    _zip_of(path, 'a.npy', b'\x93NUMPY\x01\x00\x10\x00{"descr": (((((  ')


def npz_that_leads_out(path):
    _zip_of(path, '../../out.npy', _npy_header((1,)) + bytes(4))


def zip_of_endless_contents(path):
    """An archive that lists four gigabytes of contents."""
    with open(path, 'wb') as file:
        file.write(b'PK\3\4')
        file.truncate(4 * 10**9)
        file.seek(4 * 10**9)
        file.write(b'PK\5\6' + struct.pack('<HHHHIIH', 0, 0, 1, 1, 4 * 10**9 - 10, 10, 0))


NPZ = (
    *(npz_bomb, npz_of_objects, npz_with_a_damaged_member, npz_with_a_broken_header),
    *(npz_that_leads_out, zip_of_endless_contents),
)

# MATLAB ------------------------------------------------------------------------------------------


def _mat(path, elements):
    path.write_bytes(b'MATLAB 5.0'.ljust(124) + struct.pack('<H2s', 0x0100, b'IM') + elements)


def _mat_array(rows, columns, data, kind=9, nonzero=0, called=b'I'):
    flags = struct.pack('<IIII', 6, 8, kind, nonzero)
    shape = struct.pack('<IIii', 5, 8, rows, columns)
    name = struct.pack('<HH4s', 1, 1, called)
    if len(called) > 4:
        name = struct.pack('<II', 1, len(called)) + called + bytes(-len(called) % 8)
    content = flags + shape + name + data
    return struct.pack('<II', 14, len(content)) + content


def mat_that_claims_a_terabyte(path):
    _mat(path, _mat_array(2**20, 2**20, struct.pack('<II', 2, 2**31 - 1) + bytes(100)))


def mat_bomb(path):
    """A gigabyte of zeros in a megabyte."""
    packed = _packed_mat()
    _mat(path, struct.pack('<II', 15, len(packed)) + packed)


@cache
def _packed_mat(count=10**9):
    head = _mat_array(10**5, 10**4, struct.pack('<II', 2, count))
    head = head[:4] + struct.pack('<I', len(head) - 8 + count) + head[8:]
    packer, zeros = zlib.compressobj(1), bytes(10**6)
    parts = [packer.compress(head), *(packer.compress(zeros) for _ in range(count // 10**6))]
    return b''.join([*parts, packer.flush()])


def mat_of_an_unknown_type(path):
    _mat(path, _mat_array(32, 48, struct.pack('<II', 200, 1536) + bytes(1536), kind=77))


def mat_of_a_sparse_matrix_out_of_bounds(path):
    rows = struct.pack('<II2i', 5, 8, 10**9, -5)
    ends = struct.pack('<II4i', 5, 16, 0, 2**31 - 1, -1, 7)
    values = struct.pack('<II2d', 9, 16, 1.0, 2.0)
    _mat(path, _mat_array(32, 48, rows + ends + values, kind=5, nonzero=10**9))


MAT = (
    *(mat_that_claims_a_terabyte, mat_bomb, mat_of_an_unknown_type),
    mat_of_a_sparse_matrix_out_of_bounds,
)


def _cells(rows, data):
    return _mat_array(rows, 1, data, kind=1, called=b'fixations')


def mat_cells_that_claim_a_terabyte(path):
    _mat(path, _cells(2**31 - 1, struct.pack('<II', 14, 0)))


def mat_of_endless_cells(path):
    """Ten million empty cells in 80 kB."""
    packed = zlib.compress(_cells(10**7, struct.pack('<II', 14, 0) * 10**7))
    _mat(path, struct.pack('<II', 15, len(packed)) + packed)


def mat_of_small_cells(path):
    cell = _mat_array(1, 1, struct.pack('<HH4s', 2, 1, b'1'), called=b'')
    packed = zlib.compress(_cells(10**6, cell * 10**6))
    _mat(path, struct.pack('<II', 15, len(packed)) + packed)


def mat_of_cells_in_each_other(path):
    content = struct.pack('<II', 14, 0)
    for _ in range(2000):
        content = _mat_array(1, 1, content, kind=1)
    _mat(path, _cells(1, content))


def mat_of_fields_without_names(path):
    width = struct.pack('<HHi', 5, 4, 0)
    _mat(path, _mat_array(1, 1, width + bytes(8), kind=2, called=b'fixations'))


MAT_CELLS = (
    *(mat_cells_that_claim_a_terabyte, mat_of_endless_cells, mat_of_small_cells),
    *(mat_of_cells_in_each_other, mat_of_fields_without_names),
)

# Videos ------------------------------------------------------------------------------------------


def playlist(path):
    path.write_text(
        '#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/x.ts\n'
        f'#EXTINF:9,\n{path.parent}/secret.mp4\n#EXT-X-ENDLIST\n'
    )


def list_of_files(path):
    path.write_text("ffconcat version 1.0\nfile 'secret.mp4'\nfile '/etc/passwd'\n")


def manifest(path):
    path.write_text(
        '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="video/mp4">'
        '<Representation id="1" bandwidth="1"><BaseURL>secret.mp4</BaseURL></Representation>'
        '</AdaptationSet></Period></MPD>'
    )


def session_description(path):
    path.write_text('v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n')


def captured_sound_only(path):
    """A sound file under the name of a video."""
    path.write_bytes(
        b'RIFF' + struct.pack('<I', 36 + 8000) + b'WAVEfmt '
        + struct.pack('<IHHIIHH', 16, 1, 1, 8000, 16000, 2, 16)
        + b'data' + struct.pack('<I', 8000) + bytes(8000)
    )  # fmt: skip


def gzip_of_a_video(path):
    path.write_bytes(gzip.compress(bytes(1000)))


def video_of_a_gigapixel(path):
    """A frame of a raw picture in AVI that declares 32,768 x 32,768 pixels."""
    strf = struct.pack('<IiiHH4sIiiII', 40, 32768, 32768, 1, 24, b'MJPG', 0, 0, 0, 0, 0)
    strh = b'vidsMJPG' + struct.pack('<IHHIIIIIIII4H', 0, 0, 0, 0, 1, 25, 0, 5, 0, 0, 0, 0, 0, 0, 0)
    avih = struct.pack('<14I', 40000, 0, 0, 16, 5, 0, 1, 0, 32768, 32768, 0, 0, 0, 0)

    def box(name, content):
        return name + struct.pack('<I', len(content)) + content

    strl = box(b'LIST', b'strl' + box(b'strh', strh) + box(b'strf', strf))
    hdrl = box(b'LIST', b'hdrl' + box(b'avih', avih) + strl)
    movi = box(b'LIST', b'movi' + box(b'00dc', b'\xff\xd8\xff\xdb' + bytes(200)) * 5)
    path.write_bytes(box(b'RIFF', b'AVI ' + hdrl + movi))


VIDEOS = (
    *(playlist, list_of_files, manifest, session_description, captured_sound_only),
    *(gzip_of_a_video, video_of_a_gigapixel, eps),
)

# Weights -----------------------------------------------------------------------------------------


def pickle_with_code(path):
    path.write_bytes(pickle.dumps(Evil()))


def pth_with_code(path):
    torch.save(dict(state_dict=dict(w=torch.zeros(2)), meta=Evil()), path)


def _beside(path):
    """A config beside a checkpoint, which runs code."""
    folder = path.parent / 'download'
    folder.mkdir(exist_ok=True)
    for name in ('model::notes.py', 'notes.py', 'salkit::notes.py'):
        trap = str(path.parent.resolve() / TRAP)
        (folder / name).write_text(f"open({trap!r}, 'w').close()\nmodel = dict()\n")
    return folder


def _meta_that_names(name):
    model = dict(type='SaliencyModel', encoder=dict(type='UMTEncoder'), decoder=dict(type='No'))
    return dict(config=name, config_name=name, model=json.dumps(model), cfg=f'_base_ = {name!r}')


def pth_that_names_a_config(path):
    meta = _meta_that_names(f'{_beside(path)}/model::notes.py')
    torch.save(dict(state_dict=dict(w=torch.zeros(2)), meta=meta), path)


def _safetensors(path, header, data=b''):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack('<Q', len(text)) + text + data)


def _tensor(shape=(2,), begin=0, end=8):
    return dict(dtype='F32', shape=list(shape), data_offsets=[begin, end])


def safetensors_that_names_a_config(path):
    meta = _meta_that_names(f'{_beside(path)}/model::notes.py')
    _safetensors(path, {'__metadata__': meta, 'w': _tensor()}, bytes(8))


def safetensors_with_an_endless_header(path):
    path.write_bytes(struct.pack('<Q', 2**63 - 1) + b'{"w":')


def safetensors_that_claims_a_terabyte(path):
    _safetensors(path, {'w': _tensor((250_000, 10**6), 0, 10**12)}, bytes(8))


def safetensors_of_deep_text(path):
    meta = dict(model='[' * 10**6, cfg='a = ' + '(' * 10**6, plugins='{"a":' * 10**5)
    _safetensors(path, {'__metadata__': meta, 'w': _tensor()}, bytes(8))


def safetensors_of_a_giant(path):
    """The config of a model that no memory holds."""
    decoder = dict(type='MultiBranchDecoder', branches=dict(), fusion=dict(type='ConvFusion'))
    encoder = dict(type='UMTEncoder', depth=10**8, embed_dims=2**40, num_heads=2**20)
    model = dict(type='SaliencyModel', encoder=encoder, decoder=decoder)
    _safetensors(path, {'__metadata__': dict(model=json.dumps(model)), 'w': _tensor()}, bytes(8))


def pth_of_lists_in_lists(path):
    """Thirty lists that hold the next one twice: 2^30 entries for whoever walks them."""
    inner = [1]
    for _ in range(30):
        inner = [inner, inner]
    torch.save(dict(state_dict=dict(w=torch.zeros(2)), meta=dict(cfg=inner, model=inner)), path)


def pth_bomb(path):
    """Two gigabytes of zeros in ten megabytes."""
    path.write_bytes(_zip_of_zeros())


@cache
def _zip_of_zeros():
    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open('x/data.pkl', 'w', force_zip64=True) as member,
    ):
        for _ in range(2000):
            member.write(bytes(10**6))
    return file.getvalue()


def legacy_pth_with_code(path):
    torch.save(dict(w=Evil()), path, _use_new_zipfile_serialization=False)


def exported_program(path):
    with zipfile.ZipFile(path, 'w') as file:
        file.writestr('archive_format', 'pt2')
        file.writestr('models/model.json', '{}')


PTH = (
    *(pickle_with_code, pth_with_code, pth_that_names_a_config, pth_of_lists_in_lists, pth_bomb),
    *(legacy_pth_with_code, exported_program, zip_of_endless_contents),
)
SAFETENSORS = (
    *(pickle_with_code, safetensors_that_names_a_config, safetensors_with_an_endless_header),
    *(safetensors_that_claims_a_terabyte, safetensors_of_deep_text, safetensors_of_a_giant),
)


def onnx_with_weights_elsewhere(path):
    import onnx
    from onnx import TensorProto, helper

    tensor = TensorProto(data_type=1, dims=[2], name='w', data_location=1)
    tensor.external_data.add(key='location', value='../../../../../../etc/passwd')
    node = helper.make_node('Identity', ['w'], ['y'])
    output = helper.make_tensor_value_info('y', 1, [2])
    graph = helper.make_graph([node], 'g', [], [output], [tensor])
    path.write_bytes(onnx.helper.make_model(graph).SerializeToString())


def onnx_of_one_node(path):
    from onnx import helper

    ends = [helper.make_tensor_value_info(name, 1, [1]) for name in 'xy']
    graph = helper.make_graph([helper.make_node('Relu', ['x'], ['y'])], 'g', ends[:1], ends[1:])
    path.write_bytes(helper.make_model(graph).SerializeToString())


ONNX = (onnx_with_weights_elsewhere, onnx_of_one_node)

# Text --------------------------------------------------------------------------------------------


def yaml_with_code(path):
    path.write_text(f'model: !!python/object/apply:os.system ["touch {TRAP}"]\n')


def yaml_of_a_billion_laughs(path):
    lines = ['a0: &a0 [ha, ha]', *(f'a{i}: &a{i} [*a{i - 1}, *a{i - 1}]' for i in range(1, 40))]
    path.write_text('\n'.join(lines) + '\nmodel: *a39\n')


def deep_brackets(path):
    path.write_text('[' * 10**6)


def deep_mappings(path):
    path.write_text('{"a":' * 10**5)


def yaml_with_a_base_that_runs(path):
    (path.parent / 'notes.py').write_text(f"open({TRAP!r}, 'w').close()\n")
    path.write_text('_base_: notes.py\ncustom_imports: {imports: [notes]}\n')


YAML = (
    *(yaml_with_code, yaml_of_a_billion_laughs, deep_brackets, deep_mappings),
    yaml_with_a_base_that_runs,
)
JSON = (deep_brackets, deep_mappings, yaml_with_code)


def csv_of_one_endless_line(path):
    path.write_text('video,frame,x,y\n' + 'a' * 10**7)


def csv_with_null_bytes(path):
    path.write_bytes(b'video,frame,x,y\nclip,1,2,\0\n')


def csv_with_an_open_quote(path):
    path.write_text('video,frame,x,y\nclip,1,2,"' + '3\n' * 10**5)


CSV = (csv_of_one_endless_line, csv_with_null_bytes, csv_with_an_open_quote)
