using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using RabbitMqBackup.Engine.Restore;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Restore;

public class PublishedPropertiesTests
{
    private const int ContentType = 1 << 15;
    private const int Headers = 1 << 13;
    private const int UserId = 1 << 4;

    [Fact]
    public void A_list_without_headers_and_user_goes_out_as_it_came()
    {
        byte[] list = List(ContentType, ShortString("text/plain"));

        Assert.Equal(list, Publish("app", list));
    }

    [Fact]
    public void The_publishing_users_own_name_stays()
    {
        PublishedProperties properties = new("app");
        byte[] list = List(ContentType | UserId, ShortString("text/plain"), ShortString("app"));

        Assert.Equal(list, properties.For(list).ToArray());
        Assert.Equal(0, properties.UserIdsRemoved);
    }

    [Fact]
    public void Another_users_name_is_left_out_and_counted()
    {
        PublishedProperties properties = new("app");
        byte[] list = List(ContentType | UserId, ShortString("text/plain"), ShortString("somebody"));

        Assert.Equal(List(ContentType, ShortString("text/plain")), properties.For(list).ToArray());
        Assert.Equal(1, properties.UserIdsRemoved);
    }

    [Fact]
    public void What_brokers_and_clients_added_is_left_out_and_the_rest_stays_in_its_order()
    {
        byte[] list = List(Headers, Table(Field("x-delivery-count", 3), Field("b", 1), Field("x-acquired-count", 4), Field("x-stream-offset", 9), Field("a", 2), Field("x-dotnet-pub-seq-no", 7)));

        Assert.Equal(List(Headers, Table(Field("b", 1), Field("a", 2))), Publish("app", list));
    }

    [Fact]
    public void A_headers_table_that_held_nothing_but_the_brokers_count_is_left_out_with_it() =>
        Assert.Equal(List(ContentType, ShortString("x")), Publish("app", List(ContentType | Headers, ShortString("x"), Table(Field("x-delivery-count", 1)))));

    [Fact]
    public void A_headers_table_that_was_published_empty_stays_empty()
    {
        byte[] list = List(Headers, Table());

        Assert.Equal(list, Publish("app", list));
    }

    [Fact]
    public void Carbon_copies_are_kept_under_a_name_that_routes_nothing() =>
        Assert.Equal(List(Headers, Table(Field("x-original-cc", 5), Field("cc", 6))), Publish("app", List(Headers, Table(Field("CC", 5), Field("cc", 6)))));

    private static byte[] Publish(string user, byte[] list) => new PublishedProperties(user).For(list).ToArray();

    private static byte[] List(int flags, params byte[][] values)
    {
        byte[] head = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(head, (ushort)flags);
        return [.. head, .. values.SelectMany(value => value)];
    }

    private static byte[] ShortString(string text) => [(byte)text.Length, .. Encoding.UTF8.GetBytes(text)];

    private static byte[] Field(string name, int value)
    {
        byte[] number = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, value);
        return [.. ShortString(name), (byte)'I', .. number];
    }

    private static byte[] Table(params byte[][] fields)
    {
        byte[] content = [.. fields.SelectMany(field => field)];
        byte[] length = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(length, (uint)content.Length);
        return [.. length, .. content];
    }
}
