using FsCheck;
using FsCheck.Fluent;
using RabbitMqBackup.Engine.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

public class PublishWindowTests
{
    private readonly PublishWindow _window = new(capacity: 4, maxBytes: 100);
    private readonly List<ulong> _nacked = [];

    [Fact]
    public void The_window_is_full_at_its_capacity_and_open_again_when_the_lowest_is_settled()
    {
        for (ulong i = 1; i <= 4; i++)
        {
            Assert.True(_window.HasRoom(1));
            Assert.Equal(i, _window.Add(1));
        }

        Assert.False(_window.HasRoom(1));
        Confirm(3);
        Assert.False(_window.HasRoom(1));
        Confirm(1);
        Assert.True(_window.HasRoom(1));
    }

    [Fact]
    public void The_window_is_full_at_its_bytes_but_one_message_always_goes()
    {
        Assert.True(_window.HasRoom(1000));
        _window.Add(1000);
        Assert.False(_window.HasRoom(1));
        Confirm(1);
        _window.Add(60);
        Assert.True(_window.HasRoom(40));
        Assert.False(_window.HasRoom(41));
    }

    [Fact]
    public void A_multiple_confirm_settles_all_up_to_it_once()
    {
        Fill(4);
        Confirm(2);
        _window.Settle(3, multiple: true, refused: false, _nacked.Add);
        Confirm(2);
        Assert.Equal((3ul, 0ul), (_window.State.Confirmed, _window.State.Nacked));
        Assert.Equal([4ul], _window.State.Unknown);
    }

    [Fact]
    public void A_multiple_confirm_of_zero_settles_everything()
    {
        Fill(4);
        _window.Settle(0, multiple: true, refused: false, _nacked.Add);
        Assert.Equal(4ul, _window.State.Confirmed);
        Assert.Empty(_window.State.Unknown);
    }

    [Fact]
    public void Refused_messages_are_told_one_by_one()
    {
        Fill(4);
        Confirm(2);
        _window.Settle(4, multiple: true, refused: true, _nacked.Add);
        Assert.Equal([1ul, 3ul, 4ul], _nacked);
        Assert.Equal((4ul, 1ul, 3ul), (_window.State.Published, _window.State.Confirmed, _window.State.Nacked));
    }

    [Fact]
    public void Numbers_that_are_not_on_their_way_are_ignored()
    {
        Fill(2);
        Confirm(3);
        _window.Settle(9, multiple: true, refused: false, _nacked.Add);
        Confirm(1);
        Confirm(1);
        Assert.Equal((1ul, 2ul), (_window.State.Confirmed, _window.State.Published));
    }

    [Fact]
    public void Waiting_for_room_ends_when_half_is_settled_and_waiting_for_all_at_the_end()
    {
        Fill(4);
        Task room = _window.WaitForRoom(1)!;
        Confirm(1);
        Assert.False(room.IsCompleted);
        Confirm(2);
        Assert.True(room.IsCompleted);
        Assert.Null(_window.WaitForRoom(1));
        Task all = _window.WaitForAll()!;
        Confirm(4);
        Assert.False(all.IsCompleted);
        Confirm(3);
        Assert.True(all.IsCompleted);
        Assert.Null(_window.WaitForAll());
    }

    [Fact]
    public void Whatever_is_published_and_settled_the_counts_add_up()
    {
        Prop.ForAll<(byte Kind, byte Sequence)[]>(steps =>
        {
            PublishWindow window = new(capacity: 7, maxBytes: long.MaxValue);
            HashSet<ulong> open = [];
            foreach ((byte kind, byte sequence) in steps)
            {
                if (kind % 3 == 0 && window.HasRoom(1))
                {
                    open.Add(window.Add(1));
                }
                else if (kind % 3 != 0)
                {
                    bool multiple = kind % 2 == 0;
                    window.Settle(sequence, multiple, refused: kind % 5 == 0, _ => { });
                    ulong last = window.State.Published;
                    open.RemoveWhere(candidate => sequence <= last && (candidate == sequence || (multiple && (sequence == 0 || candidate < sequence))));
                }

                PublishState state = window.State;
                Assert.Equal(open.Order(), state.Unknown);
                Assert.Equal(state.Published, state.Confirmed + state.Nacked + (ulong)state.Unknown.Count);
            }
        }).QuickCheckThrowOnFailure();
    }

    private void Fill(int count)
    {
        for (int i = 0; i < count; i++)
        {
            _window.Add(1);
        }
    }

    private void Confirm(ulong sequence) => _window.Settle(sequence, multiple: false, refused: false, _nacked.Add);
}
