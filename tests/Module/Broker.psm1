# What the Pester tests need of a broker, over its management API: RABBITMQ_TEST_* names it.

$hostName = if ($env:RABBITMQ_TEST_HOST) { $env:RABBITMQ_TEST_HOST } else { 'localhost' }
$managementPort = if ($env:RABBITMQ_TEST_MANAGEMENT_PORT) { $env:RABBITMQ_TEST_MANAGEMENT_PORT } else { 15672 }
$user = if ($env:RABBITMQ_TEST_USER) { $env:RABBITMQ_TEST_USER } else { 'guest' }
$password = if ($env:RABBITMQ_TEST_PASSWORD) { $env:RABBITMQ_TEST_PASSWORD } else { 'guest' }
$credential = [pscredential]::new($user, [System.Net.NetworkCredential]::new('', $password).SecurePassword)

function Invoke-Api([string] $Method, [string] $Path, $Body = @{}) {
    Invoke-RestMethod -Method $Method -Uri "http://${hostName}:$managementPort/api/$Path" -Credential $credential -Authentication Basic `
        -AllowUnencryptedAuthentication -ContentType 'application/json' -Body ($Body | ConvertTo-Json -Depth 9)
}

function New-TestVirtualHost {
    $name = "pester-$([guid]::NewGuid().ToString('N'))"
    $null = Invoke-Api Put "vhosts/$name"
    $null = Invoke-Api Put "permissions/$name/$user" @{ configure = '.*'; write = '.*'; read = '.*' }
    $name
}

function Remove-TestVirtualHost([string] $Name) {
    $null = Invoke-Api Delete "vhosts/$Name"
}

# Declares a queue and publishes the texts name-0, name-1, ... each with the header number.
function New-TestQueue([string] $VirtualHost, [string] $Name, [int] $Messages, [string] $Type = 'classic') {
    $null = Invoke-Api Put "queues/$VirtualHost/$Name" @{ durable = $true; arguments = @{ 'x-queue-type' = $Type } }
    for ($i = 0; $i -lt $Messages; $i++) {
        $published = Invoke-Api Post "exchanges/$VirtualHost/amq.default/publish" @{
            properties = @{ headers = @{ number = $i } }; routing_key = $Name; payload = "$Name-$i"; payload_encoding = 'string'
        }
        if (-not $published.routed) { throw "A message for $Name was not routed." }
    }
}

function Remove-TestQueue([string] $VirtualHost, [string] $Name) {
    $null = Invoke-Api Delete "queues/$VirtualHost/$Name"
}

# Takes everything out of a queue, in its order.
function Receive-TestQueue([string] $VirtualHost, [string] $Name) {
    Invoke-Api Post "queues/$VirtualHost/$Name/get" @{ count = 10000; ackmode = 'ack_requeue_false'; encoding = 'auto' } | ForEach-Object { $_ } | ForEach-Object payload
}

function Get-TestUri([string] $VirtualHost) {
    "amqp://${user}:$password@${hostName}:$env:RABBITMQ_TEST_AMQP_PORT/$VirtualHost"
}

function Get-TestManagementUri {
    "http://${hostName}:$managementPort"
}

Export-ModuleMember -Function *-Test*
