! Arrays that come and go, and a string that grows.
program churn
  implicit none
  integer :: i
  real(8), allocatable :: a(:), b(:, :)
  character(:), allocatable :: s
  real(8) :: t
  t = 0
  s = ''
  do i = 1, 2000
     allocate (a(i * 10))
     a = i
     t = t + sum(a) / size(a)
     deallocate (a)
     s = s // 'xy'
  end do
  allocate (b(200, 200))
  b = 1
  print '(f12.1, f12.1, i8)', t, sum(matmul(b, b)), len(s)
end program
