import pytest

from fercli.config.detect import DetectConfig
from fercli.errors import UsageError


def test_detect_config__has_mtcnns_usual_settings():
    # thresholds and minimum face of facenet-pytorch's MTCNN
    config = DetectConfig()
    assert (config.min_face_px, config.thresholds) == (20, (0.6, 0.7, 0.7))


def test_detect_config__names_every_value_out_of_range():
    with pytest.raises(UsageError) as caught:
        DetectConfig(min_face_px=0, max_side=100, thresholds=(0.6, 1.7, 0.7))
    assert caught.value.message.split("; ") == [
        "min_face_px must be at least 1 px, got 0",
        "max_side must be between 240 and 32000 px, got 100",
        "thresholds must be three numbers between 0 and 1, got (0.6, 1.7, 0.7)",
    ]


@pytest.mark.parametrize(("asked", "pictures", "videos"), [(None, 20, 40), (30, 30, 30)])
def test_with_min_face__sets_pictures_and_videos_or_keeps_both(asked, pictures, videos):
    config = DetectConfig().with_min_face(asked)
    assert (config.min_face_px, config.video_min_face_px) == (pictures, videos)
