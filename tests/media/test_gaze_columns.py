import pytest

from salkit.errors import ConfigError
from salkit.media.gaze_columns import OWN, PROGRAMS, parse_columns
from salkit.prepare.fixations import GazeReading


def test_a_program_with_other_coordinates(tmp_path):
    columns = 'tobii,x=Gaze point X [MCS px],y=Gaze point Y [MCS px]'
    # These are pixels of the video.
    assert GazeReading(columns=columns).layout.video == ''
    with pytest.raises(
        ConfigError, match='tobii: its gaze is in pixels of the screen, so give --s'
    ):
        GazeReading(columns='tobii')
    with pytest.raises(ConfigError, match='--shown actual-size goes with --screen'):
        GazeReading(shown='actual-size')
    layout = parse_columns('pupil,x=a,y=b,time_s=t,video=v')
    assert not layout.normalized and not layout.from_bottom and not layout.video
    assert layout.names == dict(x=('a',), y=('b',), time_s=('t',), video=('v',))


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'must be one of tobii, pupil, eyelink, smi, got'),
        ('tobi', "must be one of tobii, pupil, eyelink, smi, got 'tobi'"),
        ('z=a', "must be one of video, x, y, frame, .*, got 'z'"),
        ('x=a,z=b', "got 'z'"),
        ('x=', 'x has to be one column'),
        ('x=a,x=b', 'x has to be one column'),
        ('tobii,x=a', 'x and y go together'),
        ('x=a,y=a', 'one column cannot be two things'),
    ],
)
def test_columns_that_say_nothing(text, message):
    with pytest.raises(ConfigError, match=message):
        GazeReading(columns=text, screen=(600, 800))


def test_names_of_columns_pair_up():
    # A name may have a comma.
    assert parse_columns('x=a,tobii').names['x'] == ('a,tobii',)
    assert parse_columns(None) is OWN
    for program, columns in PROGRAMS.items():
        assert len(columns.names['x']) == len(columns.names['y']), program
        assert {*columns.since_recording} <= {n for each in columns.names.values() for n in each}
