import pytest

from tests.lab.dialects.hearing import answer, bites, cut_replies
from unstrip.lab.dialects import DIALECTS

Ferry = DIALECTS["ferry"]
LIST = b"DECKS\r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_a_list_is_cut_as_one_message_however_it_arrives(size):
    said = b"20 list\r\nSEAL\r\n..\r\n.\r\n50 what?\r\n"
    assert cut_replies(Ferry(), bites(said, size), Ferry().read_command(LIST)) == [
        b"20 list\r\nSEAL\r\n..\r\n.\r\n",
        b"50 what?\r\n",
    ]


@pytest.mark.parametrize(
    ("said", "go_ahead"), [(b"30 go\r\n", True), (b"31 go\r\n", False), (b"51 no\r\n", False)]
)
def test_the_go_ahead_is_30_alone(said, go_ahead):
    assert answer(Ferry(), b"seal\r\n", said).go_ahead is go_ahead


@pytest.mark.parametrize(
    ("said", "without", "masked"),
    [
        (
            b"20 SEAL\r\nCARS\r\nseal\r\n.\r\n",
            b"20 SEAL\r\nCARS\r\n.\r\n",
            b"20 SEAL\r\nCARS\r\nXXXA\r\n.\r\n",
        ),
        (b"20 list\r\nSEALS\r\nNO SEAL\r\n.\r\n", None, None),
    ],
)
def test_an_offer_is_a_line_of_the_list_and_no_other_word(said, without, masked):
    reply = answer(Ferry(), LIST, said)
    assert Ferry().without_offer(reply) == (without or said)
    assert Ferry().masked_offer(reply) == (masked or said)
